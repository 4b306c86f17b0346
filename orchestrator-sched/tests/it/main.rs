//! The scheduler through its public face.

mod conformance;
mod recorded;
mod running;
