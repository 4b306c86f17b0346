//! The group `certificates.k8s.io`: certificates on request.

pub mod certificatesigningrequest;
