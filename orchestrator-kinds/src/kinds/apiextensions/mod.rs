//! The group `apiextensions.k8s.io`: kinds that are made at run time.

pub mod customresourcedefinition;
