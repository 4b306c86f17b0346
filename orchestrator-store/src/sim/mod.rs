//! Simulated disasters.
pub mod disk;
pub mod history;
pub mod oracle;
pub mod trace;

pub use disk::{DiskFault, SimDisk};
pub use trace::Trace;
