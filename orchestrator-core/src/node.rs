//! What the API asks of a node: logs, exec, attach and port-forward of its pods.
//!
//! The node agent implements [`NodeApi`]; the API server reaches it through a [`NodeDialer`],
//! which is a table in the same process or a network client.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Node;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::object::ObjectKey;
use crate::status::Status;

/// Bytes to be read.
pub type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// Bytes to be written.
pub type Writer = Pin<Box<dyn AsyncWrite + Send>>;

/// A connection: bytes in both directions.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// What a node does for the API's streaming subresources.
#[async_trait]
pub trait NodeApi: fmt::Debug + Send + Sync + 'static {
    /// The log of a container, as it comes.
    ///
    /// # Errors
    /// 400 where the container has no log yet, 404 where there is no such container.
    async fn logs(
        &self,
        pod: &ObjectKey,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Bytes>, Status>;

    /// Runs a command in a container.
    ///
    /// # Errors
    /// 404 where there is no such container, 400 or 500 where it does not run.
    async fn exec(&self, pod: &ObjectKey, options: ExecOptions) -> Result<ExecSession, Status>;

    /// Joins the streams of a container's own process.
    ///
    /// # Errors
    /// As for [`exec`](Self::exec).
    async fn attach(&self, pod: &ObjectKey, options: ExecOptions) -> Result<ExecSession, Status>;

    /// Gives access to the ports of a pod.
    ///
    /// # Errors
    /// 404 where there is no such pod.
    async fn port_forward(&self, pod: &ObjectKey) -> Result<Arc<dyn PortForwarder>, Status>;
}

/// Connects to ports of one pod.
#[async_trait]
pub trait PortForwarder: fmt::Debug + Send + Sync + 'static {
    /// Connects to a port.
    ///
    /// # Errors
    /// Nobody listens there.
    async fn connect(&self, port: u16) -> std::io::Result<Box<dyn Connection>>;
}

/// Finds the [`NodeApi`] of a node.
#[async_trait]
pub trait NodeDialer: fmt::Debug + Send + Sync + 'static {
    /// The node's API.
    ///
    /// # Errors
    /// 502 or 503 where the node cannot be reached.
    async fn dial(&self, node: &Node) -> Result<Arc<dyn NodeApi>, Status>;

    /// A connection to the node's own HTTP face, authenticated as this server, and the host that
    /// requests over it name.
    ///
    /// # Errors
    /// 503 where the node serves no HTTP, or cannot be reached.
    async fn connect(&self, _node: &Node) -> Result<(Box<dyn Connection>, String), Status> {
        Err(Status::unavailable("the node serves no HTTP"))
    }
}

/// Which part of a log to send.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogOptions {
    /// The container.
    pub container: String,
    /// Go on as the log grows.
    pub follow: bool,
    /// The container's previous run.
    pub previous: bool,
    /// Only lines of the last seconds.
    pub since_seconds: Option<i64>,
    /// Only lines after this time.
    pub since_time: Option<jiff::Timestamp>,
    /// Begin each line with its time.
    pub timestamps: bool,
    /// Only the last lines.
    pub tail_lines: Option<u64>,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
    /// `Stdout`, `Stderr` or empty for both.
    pub stream: String,
}

/// What to run, and which streams to join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOptions {
    /// The container.
    pub container: String,
    /// The command and its arguments; empty for attach.
    pub command: Vec<String>,
    /// Join the standard input.
    pub stdin: bool,
    /// Join the standard output.
    pub stdout: bool,
    /// Join the standard error.
    pub stderr: bool,
    /// Give the process a terminal.
    pub tty: bool,
}

/// A running command with its streams.
pub struct ExecSession {
    /// What is written here is the command's standard input; dropping it closes that.
    pub stdin: Option<Writer>,
    /// The command's standard output.
    pub stdout: Option<Reader>,
    /// The command's standard error.
    pub stderr: Option<Reader>,
    /// New sizes of the terminal.
    pub resize: Option<mpsc::Sender<TerminalSize>>,
    /// How the command ended; dropping it does not end the command, dropping the session does.
    pub exit: BoxFuture<'static, Result<i32, Status>>,
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSession").field("stdin", &self.stdin.is_some()).finish_non_exhaustive()
    }
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}
