//! The client's end of a session over WebSocket: asking for it, and what it then is.
//!
//! ```text
//!  ExecSession, Connection ◀── pipe ──▶ a task ◀── messages ──▶ the server
//! ```
//!
//! A task per session moves bytes between messages and bounded pipes, so a reader that is slow
//! slows down the server and nothing piles up. What is handed out owns the task: dropping it
//! ends the session.

mod exec;
mod forward;
mod handshake;

pub use exec::exec;
#[cfg(feature = "fuzzing")]
pub(crate) use exec::read_all;
pub use forward::forward;
pub use handshake::{EXEC, FORWARD, Handshake, Version};

/// The bytes that wait in a pipe for a slow reader.
const PIPE_BYTES: usize = 64 * 1024;
