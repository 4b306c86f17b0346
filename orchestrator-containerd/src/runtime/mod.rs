//! The runtime over containerd as a [`Runtime`].

mod containers;
mod exits;
mod facts;
mod follow;
mod housekeeping;
mod images;
mod keys;
mod list;
mod registry;
mod sandboxes;
mod table;
mod translate;

pub use housekeeping::list_images;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use orchestrator_core::Env;
use orchestrator_core::env::{Task, Tasks};
use orchestrator_core::runtime::{
    ContainerId, ContainerOp, Events, ImageOp, ImageState, PodState, Runtime, RuntimeError,
    RuntimeEvent, RuntimeInfo, SandboxId, SandboxOp, StreamOp, Streams,
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::config::{ContainerdConfig, Source};
use crate::daemon::Daemon;
use crate::error::{OpenError, failed};
use crate::image;
use crate::link::Link;
use crate::session;
use crate::wire::cri;
use keys::Keys;
use table::Table;

/// Runs containers with containerd.
pub struct ContainerdRuntime {
    core: Arc<Core>,
    info: RuntimeInfo,
    _follow: Task<()>,
    daemon: Mutex<Option<Daemon>>,
}

/// What operations, events and sessions share.
pub(crate) struct Core {
    pub(crate) env: Env,
    pub(crate) link: Link,
    node: String,
    /// Where logs and termination messages are.
    pods: PathBuf,
    /// Where named pipes are.
    pub(crate) sessions: PathBuf,
    image_directory: PathBuf,
    table: Mutex<Table>,
    events: Events,
    /// Which pods and containers are being made or ended.
    busy: Keys,
    /// Operations that go on though nobody waits for them any more.
    tasks: Mutex<Tasks>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("node", &self.node).finish_non_exhaustive()
    }
}

impl fmt::Debug for ContainerdRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerdRuntime").field("core", &self.core).finish_non_exhaustive()
    }
}

impl ContainerdRuntime {
    /// Opens the runtime: starts containerd where it is to have its own, and goes on with what an
    /// earlier runtime of this node has left.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(config: ContainerdConfig, env: Env) -> Result<Self, OpenError> {
        let pods = directory(&config.pods)?;
        let sessions = directory(&config.pods.with_file_name("sessions"))?;
        let (daemon, socket, image_directory) = match config.source {
            Source::Running(socket) => (None, socket, PathBuf::from("/var/lib/containerd")),
            Source::Own(own) => {
                let daemon = Daemon::start(&own, image::PAUSE, &env).await?;
                let socket = daemon.socket().to_owned();
                (Some(daemon), socket, own.root)
            }
        };
        let link = Link::new(&socket);
        if daemon.is_some() {
            image::import_pause(&link, &env).await?;
        }
        let core = Arc::new(Core {
            link,
            node: config.node,
            pods,
            sessions,
            image_directory,
            table: Mutex::default(),
            events: Events::default(),
            busy: Keys::default(),
            tasks: Mutex::default(),
            env: env.clone(),
        });
        let unreachable = |source| OpenError::Unreachable { socket: socket.clone(), source };
        let info = core.info().await.map_err(unreachable)?;
        let (following, followed) = oneshot::channel();
        let follow = env.spawn("containerd events", follow::run(Arc::clone(&core), following));
        if followed.await.is_err() {
            let gone = RuntimeError::Unavailable("its events ended at once".into());
            return Err(unreachable(gone));
        }
        Ok(Self { core, info, _follow: follow, daemon: Mutex::new(daemon) })
    }

    /// The link to containerd, for images.
    pub fn link(&self) -> &Link {
        &self.core.link
    }

    /// Ends every pod of this node, its containers with `grace`, and removes what belongs to it.
    ///
    /// # Errors
    /// As for [`Runtime::sandbox`]; the first one, after all were tried.
    pub async fn remove_all(&self, grace: Duration) -> Result<(), RuntimeError> {
        if !grace.is_zero() {
            let running: Vec<ContainerId> = {
                let table = self.core.table.lock();
                let all = table.all_sandboxes().flat_map(|sandbox| &sandbox.containers);
                let running = all.filter(|container| container.state.is_running());
                running.map(|container| container.state.id.clone()).collect()
            };
            // Whoever does not end now ends with its sandbox.
            let stops = running.iter().map(|id| self.core.stop(id, grace));
            drop(futures::future::join_all(stops).await);
        }
        let uids: Vec<String> = self.core.table.lock().uids().cloned().collect();
        let removals = uids.iter().map(|uid| self.core.remove_pod(uid));
        futures::future::join_all(removals).await.into_iter().collect()
    }

    /// Ends the containerd of its own; containers go on.
    pub async fn stop(&self) {
        let daemon = self.daemon.lock().take();
        if let Some(daemon) = daemon {
            daemon.stop().await;
        }
    }
}

fn directory(path: &Path) -> Result<PathBuf, OpenError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    std::fs::create_dir_all(&path)
        .map_err(|source| OpenError::Directory { path: path.clone(), source })?;
    Ok(path)
}

impl Core {
    async fn info(&self) -> Result<RuntimeInfo, RuntimeError> {
        let request = cri::VersionRequest { version: "v1".into() };
        let answer = self.link.runtime().version(request).await;
        let answer = answer.map_err(|status| failed("cannot ask for the version", &status))?;
        let version = answer.into_inner().runtime_version;
        // Told once per runtime, and the same at all times.
        let version = version.leak();
        Ok(RuntimeInfo { name: "containerd", version, real: true, isolated: true })
    }

    /// Runs `operation` to its end whether or not somebody waits for it, so that what was begun is
    /// never left half done.
    pub(crate) async fn whole<T: Send + 'static>(
        &self,
        operation: BoxFuture<'static, Result<T, RuntimeError>>,
    ) -> Result<T, RuntimeError> {
        let (done, outcome) = oneshot::channel();
        let task = self.env.spawn("containerd operation", async move {
            // Whoever asked may have gone.
            let _ = done.send(operation.await);
        });
        self.tasks.lock().push(task);
        let ended = || RuntimeError::Unavailable("the runtime has ended".into());
        outcome.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Keeps a task that nobody waits for.
    pub(crate) fn keep(&self, task: Task<()>) {
        self.tasks.lock().push(task);
    }

    fn changed(&self, uid: &str) {
        self.events.changed(uid);
    }
}

#[async_trait]
impl Runtime for ContainerdRuntime {
    fn info(&self) -> RuntimeInfo {
        self.info.clone()
    }

    async fn pods(&self, uid: Option<&str>) -> Result<Vec<PodState>, RuntimeError> {
        let table = self.core.table.lock();
        Ok(match uid {
            Some(uid) => table.pod(uid).and_then(table::Pod::pod_state).into_iter().collect(),
            None => table.pods().collect(),
        })
    }

    async fn sandbox(&self, op: SandboxOp) -> Result<SandboxId, RuntimeError> {
        let core = Arc::clone(&self.core);
        let whole: BoxFuture<'static, _> = match op {
            SandboxOp::Run(config) => Box::pin(async move { core.run_sandbox(&config).await }),
            SandboxOp::Stop(id) => {
                Box::pin(async move { core.stop_sandbox(&id).await.map(|()| id) })
            }
            SandboxOp::Remove(id) => {
                Box::pin(async move { core.remove_sandbox(&id).await.map(|()| id) })
            }
            _ => return Err(RuntimeError::Unsupported("this sandbox operation")),
        };
        self.core.whole(whole).await
    }

    async fn container(&self, op: ContainerOp) -> Result<ContainerId, RuntimeError> {
        let core = Arc::clone(&self.core);
        let whole: BoxFuture<'static, _> = match op {
            ContainerOp::Start(config) => Box::pin(async move { core.start(&config).await }),
            ContainerOp::Stop { container, grace } => {
                Box::pin(async move { core.stop(&container, grace).await.map(|()| container) })
            }
            ContainerOp::Remove(id) => Box::pin(async move { core.remove(&id).await.map(|()| id) }),
            ContainerOp::Update { container, resources } => {
                Box::pin(
                    async move { core.update(&container, &resources).await.map(|()| container) },
                )
            }
            _ => return Err(RuntimeError::Unsupported("this container operation")),
        };
        self.core.whole(whole).await
    }

    async fn image(&self, op: ImageOp) -> Result<Option<ImageState>, RuntimeError> {
        match op {
            ImageOp::Status(image) => self.core.image_status(&image).await,
            ImageOp::Pull { image, auth, .. } => self.core.pull(&image, &auth).await.map(Some),
            ImageOp::Remove(image) => self.core.remove_image(&image).await.map(|()| None),
            _ => Err(RuntimeError::Unsupported("this image operation")),
        }
    }

    async fn stream(&self, op: StreamOp) -> Result<Streams, RuntimeError> {
        match op {
            StreamOp::Exec { container, options } => {
                self.core.running(&container)?;
                let session = session::exec(&self.core, &container, &options).await;
                session.map(Streams::Session)
            }
            StreamOp::Attach { container, options } => {
                self.core.running(&container)?;
                let session = session::attach(&self.core, &container, &options).await;
                session.map(Streams::Session)
            }
            StreamOp::Logs { container, options } => {
                self.core.log(&container, &options).map(Streams::Log)
            }
            StreamOp::Connect { sandbox, port } => {
                let host = self.core.host_network(&sandbox)?;
                let connected = session::connect(&self.core, &sandbox, host, port).await;
                connected.map(Streams::Connection)
            }
            _ => Err(RuntimeError::Unsupported("this stream")),
        }
    }

    fn events(&self) -> BoxStream<'static, RuntimeEvent> {
        self.core.events.subscribe()
    }
}
