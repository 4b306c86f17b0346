//! The runtime: what turns a pod's plan into sandboxes and containers on a node.
//!
//! The words are those of the container runtime interface (CRI), so that an adapter to containerd
//! is a translation: a *sandbox* is the pod's place with its addresses, a *container* is one run
//! of one of its programs, an *attempt* counts the runs. The node agent decides; a runtime obeys,
//! reports what is, and says that something changed without saying what. Start at [`Runtime`];
//! [`RuntimeExt`] has a typed method for each operation. The suite that every runtime must pass
//! is `orchestrator_testkit::runtime`.

mod events;
mod housekeeping;
mod operations;
mod place;
mod state;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::BoxError;
use crate::node::{Connection, ExecSession, LogOptions};

pub use events::Events;
pub use housekeeping::{ContainerUsage, Housekeeping, StoredImage};
pub use operations::{
    ContainerConfig, ContainerOp, Credentials, ImageOp, Mount, SandboxConfig, SandboxOp, StreamOp,
    Streams,
};
pub use place::{Dns, Namespaces, PortMapping, Propagation, Resources, Seccomp, Security};
pub use state::{
    ContainerId, ContainerPhase, ContainerState, Exit, ImageState, PodState, RuntimeEvent,
    RuntimeInfo, SandboxId, SandboxState,
};

/// Runs the sandboxes and containers of one node.
///
/// # Contract
/// - **State is what is.** [`pods`](Self::pods) reports every sandbox and container that was made
///   and not removed, also those of an earlier process where the runtime keeps them.
/// - **Operations are idempotent by their end.** To stop what is stopped and to remove what is
///   gone succeeds. To start a container whose name and attempt exist returns that one.
/// - **Events are levels, not edges.** After a change of a pod each subscriber gets the pod's uid
///   at least once, after the change can be seen; several changes may become one event.
/// - **Cancellation is safe.** A dropped future leaves an operation done or not done, never half;
///   a stop that was begun goes on, and a second stop may only shorten the grace.
/// - **A container ends whole.** When its main process has ended, so have its descendants.
#[async_trait]
pub trait Runtime: fmt::Debug + Send + Sync + 'static {
    /// What the runtime is; the same at all times.
    fn info(&self) -> RuntimeInfo;

    /// The state of one pod by its uid, or of all pods, in order of uid.
    ///
    /// # Errors
    /// [`Unavailable`](RuntimeError::Unavailable).
    async fn pods(&self, uid: Option<&str>) -> Result<Vec<PodState>, RuntimeError>;

    /// Runs, stops or removes a sandbox; tells which.
    ///
    /// A sandbox that runs has its addresses. To stop it stops its containers without grace; to
    /// remove it removes them too, with their logs.
    ///
    /// # Errors
    /// [`Failed`](RuntimeError::Failed), [`Unavailable`](RuntimeError::Unavailable).
    async fn sandbox(&self, op: SandboxOp) -> Result<SandboxId, RuntimeError>;

    /// Starts, stops or removes a container; tells which.
    ///
    /// A start returns once the process runs; a stop once it has ended.
    ///
    /// # Errors
    /// [`Image`](RuntimeError::Image), [`Config`](RuntimeError::Config) where the container can
    /// never run so, [`NotFound`](RuntimeError::NotFound) for a start in no sandbox.
    async fn container(&self, op: ContainerOp) -> Result<ContainerId, RuntimeError>;

    /// Looks for, pulls or removes an image; the image that is there afterwards.
    ///
    /// # Errors
    /// [`Image`](RuntimeError::Image) where it cannot be pulled.
    async fn image(&self, op: ImageOp) -> Result<Option<ImageState>, RuntimeError>;

    /// Opens a stream: a command, a container's own streams, its log, a port of a sandbox.
    ///
    /// # Errors
    /// [`NotFound`](RuntimeError::NotFound), [`NotRunning`](RuntimeError::NotRunning).
    async fn stream(&self, op: StreamOp) -> Result<Streams, RuntimeError>;

    /// The changes from now on, without end.
    fn events(&self) -> BoxStream<'static, RuntimeEvent>;
}

/// A typed method for each operation of a [`Runtime`].
#[async_trait]
pub trait RuntimeExt: Runtime {
    /// The state of one pod; empty where the runtime does not know it.
    ///
    /// # Errors
    /// As for [`Runtime::pods`].
    async fn pod(&self, uid: &str) -> Result<PodState, RuntimeError> {
        Ok(self.pods(Some(uid)).await?.pop().unwrap_or_else(|| PodState::empty(uid)))
    }

    /// Runs a sandbox.
    ///
    /// # Errors
    /// As for [`Runtime::sandbox`].
    async fn run_sandbox(&self, config: SandboxConfig) -> Result<SandboxId, RuntimeError> {
        self.sandbox(SandboxOp::Run(Box::new(config))).await
    }

    /// Starts a container.
    ///
    /// # Errors
    /// As for [`Runtime::container`].
    async fn start(&self, config: ContainerConfig) -> Result<ContainerId, RuntimeError> {
        self.container(ContainerOp::Start(Box::new(config))).await
    }

    /// Runs a command in a container, or joins its own streams where the command is empty.
    ///
    /// # Errors
    /// As for [`Runtime::stream`].
    async fn session(
        &self,
        container: ContainerId,
        options: crate::node::ExecOptions,
    ) -> Result<ExecSession, RuntimeError> {
        let op = if options.command.is_empty() {
            StreamOp::Attach { container, options }
        } else {
            StreamOp::Exec { container, options }
        };
        match self.stream(op).await? {
            Streams::Session(session) => Ok(session),
            _ => Err(RuntimeError::contract("exec and attach open a session")),
        }
    }

    /// The log of a container.
    ///
    /// # Errors
    /// As for [`Runtime::stream`].
    async fn logs(
        &self,
        container: ContainerId,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Bytes>, RuntimeError> {
        match self.stream(StreamOp::Logs { container, options }).await? {
            Streams::Log(log) => Ok(log),
            _ => Err(RuntimeError::contract("logs open a log")),
        }
    }

    /// A connection to a port of a sandbox.
    ///
    /// # Errors
    /// As for [`Runtime::stream`].
    async fn connect(
        &self,
        sandbox: SandboxId,
        port: u16,
    ) -> Result<Box<dyn Connection>, RuntimeError> {
        match self.stream(StreamOp::Connect { sandbox, port }).await? {
            Streams::Connection(connection) => Ok(connection),
            _ => Err(RuntimeError::contract("connect opens a connection")),
        }
    }
}

impl<T: Runtime + ?Sized> RuntimeExt for T {}

/// Why a [`Runtime`] call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// There is no such sandbox or container.
    #[error("{0} not found")]
    NotFound(String),
    /// The container is there and does not run.
    #[error("container {0} is not running")]
    NotRunning(ContainerId),
    /// The image is not there and cannot be had; the text is for people.
    #[error("{0}")]
    Image(String),
    /// The name of the image is none; the text is for people.
    #[error("{0}")]
    InvalidImage(String),
    /// The container can never run as it is configured; the text is for people.
    #[error("{0}")]
    Config(String),
    /// The container could not be made; the text is for people.
    #[error("{0}")]
    Create(String),
    /// The operation failed; it may succeed later.
    #[error("{what}")]
    Failed {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: BoxError,
    },
    /// The runtime does not do this.
    #[error("not supported by this runtime: {0}")]
    Unsupported(&'static str),
    /// The runtime did not answer.
    #[error("runtime unavailable")]
    Unavailable(#[source] BoxError),
}

impl RuntimeError {
    /// An operation that failed for `source`.
    pub fn failed(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Failed { what: what.into(), source: source.into() }
    }

    /// A runtime that answered with the wrong kind of stream.
    fn contract(rule: &'static str) -> Self {
        Self::failed("the runtime broke its contract", rule)
    }

    /// The error with its causes in one line, as container states show it to people.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Runtime) {}

    #[test]
    fn an_error_tells_its_causes_in_one_line() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        let error = RuntimeError::failed("cannot start container \"web\"", source);
        assert_eq!(error.chain(), "cannot start container \"web\": entity not found");
    }
}
