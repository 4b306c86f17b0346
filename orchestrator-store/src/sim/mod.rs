//! Simulated disasters: what an engine must survive, played in virtual time from a seed.
//!
//! A [`Plan`] says what clients do and what goes wrong: power fails at any call of a
//! [`SimDisk`] and between any two steps of a task, processes are killed or stopped, clocks run
//! wrong, syncs fail, disks fill up, bits flip; a [`Network`] delays, loses, doubles, reorders and
//! cuts. [`play`] plays it on an [`Engine`] and hands what clients
//! saw to the judges of [`oracle`]. Equal seeds give equal runs, byte for byte, so a seed that
//! failed can be looked at again, cut smaller by [`plan::shrink`], and kept.
//!
//! Nothing here knows how an engine works: an embedder's own engine can be played as well.

pub mod coverage;
pub mod disk;
pub mod engines;
pub mod history;
mod machine;
pub mod network;
pub mod oracle;
pub mod plan;
mod stage;
pub mod trace;

pub use coverage::Coverage;
pub use disk::{DiskFault, SimDisk};
pub use network::Network;
pub use oracle::Violation;
pub use plan::{Plan, Profile};
pub use stage::{Applied, Engine, Happening, Inside, Outcome, Site, StartError, play};
