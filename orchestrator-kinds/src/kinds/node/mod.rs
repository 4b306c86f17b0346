//! The group `node.k8s.io`: what runs containers.

pub mod runtimeclass;
