//! The commands, one file each.

pub mod access;
pub mod agent;
pub mod bench;
pub mod cluster;
pub mod etcd;
pub mod explain;
pub mod image;
pub mod parts;
pub mod scheduler;
pub mod server;
pub mod store;
pub mod toolbox;
pub mod up;

use tokio::signal::unix::{SignalKind, signal};

/// Waits until the process is asked to end: Ctrl-C or SIGTERM.
pub async fn termination() {
    let terminate = signal(SignalKind::terminate());
    let Ok(mut terminate) = terminate else {
        // Without a handler the default action ends the process anyway.
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
