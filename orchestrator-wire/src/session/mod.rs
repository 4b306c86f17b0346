//! Two-way sessions: exec, attach and port-forward, after HTTP has been left by an upgrade.
//!
//! | what | over WebSocket | over SPDY/3.1 |
//! |---|---|---|
//! | exec, attach | `v5.channel.k8s.io`, `v4.channel.k8s.io` | `v4.channel.k8s.io` |
//! | port-forward | `v5.channel.k8s.io`, `v4.channel.k8s.io`, or SPDY/3.1 in a tunnel | `portforward.k8s.io` |
//!
//! `channels` multiplexes by a first byte in each WebSocket message, `spdy` by streams. Both end
//! in the same two things: an [`ExecSession`](orchestrator_core::node::ExecSession) and a
//! [`PortForwarder`](orchestrator_core::node::PortForwarder). [`Upgrade`] is the server's side,
//! [`client`] the other end, over WebSocket.
//!
//! Version 5 of the channels is version 4 with a signal that a sender is done with a channel. For
//! port-forward only this project speaks it; others are answered in version 4 or the tunnel.

mod channels;
pub mod client;
mod outcome;
mod spdy;
mod upgrade;

pub use upgrade::{Connection, Plan, Purpose, Sessions, Upgrade, bearer_subprotocol, ports};

/// Reads bytes as what clients and servers of sessions send.
#[cfg(feature = "fuzzing")]
pub(crate) async fn read_all(bytes: &[u8]) {
    spdy::read_all(bytes).await;
    channels::read_all(bytes).await;
    client::read_all(bytes).await;
}

/// Channels without a signal for the end of one.
const V4: &str = "v4.channel.k8s.io";
/// Channels with a signal for the end of one.
const V5: &str = "v5.channel.k8s.io";
/// SPDY in the messages of a WebSocket.
const TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";
/// Port-forward on streams of SPDY.
const FORWARD: &str = "portforward.k8s.io";
