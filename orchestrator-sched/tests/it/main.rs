//! The scheduler through its public face.

mod cases;
