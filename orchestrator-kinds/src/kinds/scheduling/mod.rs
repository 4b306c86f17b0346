//! The group `scheduling.k8s.io`: which pods come first.

pub mod priorityclass;
