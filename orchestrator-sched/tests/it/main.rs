//! The scheduler through its public face.

mod cases;
mod conformance;
mod queue;
mod recorded;
mod running;
