//! The process runtime.

mod log;
