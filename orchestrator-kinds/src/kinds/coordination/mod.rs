//! The group `coordination.k8s.io`: who leads.

pub mod lease;
