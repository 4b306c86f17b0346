//! The group `flowcontrol.apiserver.k8s.io`: whose requests go first.

pub mod flowschema;
pub mod prioritylevelconfiguration;
