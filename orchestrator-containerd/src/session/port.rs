//! Ports: a connection made inside the network of a pod.
//!
//! A network namespace belongs to a thread, so a thread enters the pod's, connects, and ends; the
//! connection stays where it was made and can be used from anywhere.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use orchestrator_core::node::Connection;
use orchestrator_core::runtime::{RuntimeError, SandboxId};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::oneshot;

use crate::error::{failed, is_not_found};
use crate::runtime::Core;
use crate::wire::tasks;

/// How long a pod may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connects to a port of a sandbox; `host` says that it is the node's own network.
///
/// # Errors
/// [`RuntimeError::NotFound`], [`RuntimeError::Failed`] where nobody listens.
pub(crate) async fn connect(
    core: &Core,
    sandbox: &SandboxId,
    host: bool,
    port: u16,
) -> Result<Box<dyn Connection>, RuntimeError> {
    let network = match host {
        true => None,
        false => Some(network(core, sandbox).await?),
    };
    let what = || format!("cannot connect to port {port}");
    let (done, connected) = oneshot::channel();
    let thread = std::thread::Builder::new().name("pod network".into());
    let spawned = thread.spawn(move || {
        // Whoever asked may have gone.
        let _ = done.send(connect_in(network, port));
    });
    spawned.map_err(|error| RuntimeError::failed(what(), error))?;
    let connected = connected.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
    let stream = connected.and_then(|stream| {
        stream.set_nonblocking(true)?;
        tokio::net::TcpStream::from_std(stream)
    });
    let stream = stream.map_err(|error| RuntimeError::failed(what(), error))?;
    Ok(Box::new(stream))
}

/// The network of a sandbox, found by its own process.
async fn network(core: &Core, sandbox: &SandboxId) -> Result<File, RuntimeError> {
    let container_id = sandbox.as_str().to_owned();
    let request = tasks::GetRequest { container_id, exec_id: String::new() };
    let missing = || RuntimeError::NotFound(format!("sandbox {sandbox}"));
    let process = match core.link.tasks().get(request).await {
        Ok(answer) => answer.into_inner().process.ok_or_else(missing)?,
        Err(status) if is_not_found(&status) => return Err(missing()),
        Err(status) => return Err(failed("cannot look at the sandbox", &status)),
    };
    File::open(format!("/proc/{}/ns/net", process.pid))
        .map_err(|error| RuntimeError::failed("cannot find the network of the sandbox", error))
}

/// The pod's own loopback, in either family.
fn connect_in(network: Option<File>, port: u16) -> io::Result<TcpStream> {
    if let Some(network) = network {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    }
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&v4, PATIENCE)
        .or_else(|first| TcpStream::connect_timeout(&v6, PATIENCE).map_err(|_| first))
}
