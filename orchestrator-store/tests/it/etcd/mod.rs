//! The adapter against a real etcd, which each test starts for itself.
//!
//! Where there is no `etcd` on PATH the tests say so and do nothing.

mod conformance;
mod disasters;
mod operating;
mod process;
mod secured;
