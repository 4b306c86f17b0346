//! The engines against the suite that every store must pass.

mod memory;
mod parallel;
