//! The groups `authorization.k8s.io` and `authentication.k8s.io`: questions about rights.

pub mod accessreview;
