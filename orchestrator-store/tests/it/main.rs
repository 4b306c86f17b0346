//! The engines against the suite that every store must pass.

#[cfg(feature = "etcd")]
mod face;
#[cfg(feature = "etcd")]
mod etcd;
mod memory;
mod parallel;
