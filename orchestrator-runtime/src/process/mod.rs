//! The process runtime: each container is a process group of the host.
//!
//! It needs no root, no images and no namespaces. A pod's place is an address from a loopback
//! range and a directory; a container is the pod's own command, started in a session of its own,
//! with a log in CRI format; its volumes are links below its root directory (see [`paths`] for
//! how it finds them). What there is not: isolation. Processes see the host's files, processes
//! and network, so a program must listen on its own address, which it finds in `POD_IP`.
//!
//! **Life.** A container's output goes through named pipes that both ends hold open, and its
//! record is on disk before it runs. So an agent that is killed leaves its containers running,
//! and the next one on the same directory goes on with them; only the exit code of a container
//! that it did not start itself is lost (`ContainerStatusUnknown`). An orderly end, that is
//! dropping the runtime, ends all containers, unless [`keep_on_drop`](ProcessConfig::keep_on_drop)
//! says otherwise.
//!
//! **End.** When the main process ends, its group is killed, and so is every process that carries
//! the container's id in its environment, so that nothing survives its container.

mod child;
mod config;
mod container;
mod output;
pub mod paths;
mod place;
mod pty;
mod record;
mod runtime;
mod session;
mod supervise;

pub use config::ProcessConfig;
pub use runtime::ProcessRuntime;

#[cfg(test)]
mod tests;
