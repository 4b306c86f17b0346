//! The group `resource.k8s.io`: devices, and who gets them.

pub mod deviceclass;
mod requests;
pub mod resourceclaim;
pub mod resourceslice;
mod selectors;
