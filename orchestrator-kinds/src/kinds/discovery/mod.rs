//! The group `discovery.k8s.io`: the addresses behind services.

pub mod endpointslice;
