//! The group `apiregistration.k8s.io`: APIs that other servers serve.

pub mod apiservice;
