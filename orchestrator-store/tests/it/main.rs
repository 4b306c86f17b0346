//! The engines against the suite that every store must pass.

#[cfg(feature = "durable")]
mod durable;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "etcd")]
mod face;
mod memory;
mod parallel;
#[cfg(feature = "raft")]
mod raft;
#[cfg(all(feature = "simulation", feature = "planted"))]
mod simulation;
