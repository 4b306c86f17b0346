//! The scheduler through its public face.

mod cluster;
mod conformance;
mod gangs;
mod recorded;
mod robustness;
mod running;
