//! The group `admissionregistration.k8s.io`: who else has a say in what is admitted.

pub mod expressions;
mod matching;
pub mod policy;
pub mod policybinding;
pub mod webhookconfiguration;
