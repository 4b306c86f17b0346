//! The scheduler through its public face.

mod cases;
mod queue;
mod recorded;
mod running;
