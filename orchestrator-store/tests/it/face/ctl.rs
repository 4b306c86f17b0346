//! The face as an unmodified `etcdctl` finds it; skipped aloud where there is none.

mod cluster;
mod keys;
mod leases;
mod runner;
mod secured;

pub use runner::Ctl;
