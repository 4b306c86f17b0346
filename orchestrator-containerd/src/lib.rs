//! Real containers: a [`Runtime`](orchestrator_core::runtime::Runtime) over containerd.
//!
//! ```text
//!  agent ──▶ ContainerdRuntime ── CRI v1 ──────────▶ containerd ──▶ shim ──▶ container
//!                │  ▲      └───── tasks, FIFOs ────▶     │  ▲ (exec)
//!                │  └──────────── events ◀───────────────┘  │
//!                └ Table: what there is                     └ started and watched by Daemon
//! ```
//!
//! **State.** What there is of pods is kept in a table, which operations and containerd's stream of
//! events bring up to date; a list of everything only begins it, and heals it after the stream
//! broke. An exit is taken from the event that tells it, so no code is lost between two looks.
//!
//! **Life.** The containers belong to their shims: they outlive containerd and the agent. Everything
//! that is needed to go on with one is in its labels and annotations. Unless told to use a running
//! one, the runtime owns its containerd ([`Daemon`]), with files, socket and configuration of its
//! own, starts it again when it dies, and ends it with itself.
//!
//! **Sessions.** A command runs by containerd's own task service over named pipes, since its CRI
//! streams cannot end an input; a port is reached from a thread inside the pod's network.

mod bare;
pub mod cgroup;
mod config;
mod daemon;
mod error;
pub mod image;
mod link;
pub mod network;
mod raw;
mod runtime;
mod session;
mod wire;

pub use bare::BarePod;
pub use config::{ContainerdConfig, OwnContainerd, Source};
pub use daemon::{Daemon, DaemonError};
pub use error::OpenError;
pub use link::Link;
pub use runtime::{ContainerdRuntime, list_images};
