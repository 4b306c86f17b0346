//! The simulated runtime as a [`Runtime`].

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use orchestrator_core::Env;
use orchestrator_core::node::{ExecOptions, ExecSession, LogOptions, Reader};
use orchestrator_core::runtime::{
    ContainerConfig, ContainerId, ContainerOp, ImageOp, ImageState, PodState, Runtime,
    RuntimeError, RuntimeEvent, RuntimeInfo, SandboxConfig, SandboxId, SandboxOp, SandboxState,
    StreamOp, Streams,
};
use parking_lot::Mutex;

use super::config::SimulatedConfig;
use super::container::{Container, End};
use super::stages::{Rule, Stages};
use super::wheel::Wheel;
use crate::address::Addresses;
use orchestrator_core::runtime::Events;

/// Containers that exist only in their states.
pub struct SimulatedRuntime {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    wheel: Wheel,
    rules: Arc<[Rule]>,
    events: Events,
    pods: Mutex<Pods>,
}

struct Pods {
    addresses: Addresses,
    by_uid: BTreeMap<String, Pod>,
}

struct Pod {
    config: SandboxConfig,
    state: SandboxState,
    containers: Vec<Container>,
}

impl fmt::Debug for SimulatedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pods = self.inner.pods.lock().by_uid.len();
        f.debug_struct("SimulatedRuntime").field("pods", &pods).finish_non_exhaustive()
    }
}

impl SimulatedRuntime {
    /// A runtime without pods, whose timers are jobs of `wheel`.
    pub fn new(config: SimulatedConfig, env: Env, wheel: Wheel) -> Self {
        let addresses = Addresses::new(config.range, 0);
        let pods = Mutex::new(Pods { addresses, by_uid: BTreeMap::new() });
        let events = Events::default();
        Self { inner: Arc::new(Inner { env, wheel, rules: config.rules, events, pods }) }
    }

    fn run_sandbox(&self, config: SandboxConfig) -> Result<SandboxId, RuntimeError> {
        let inner = &self.inner;
        let mut pods = inner.pods.lock();
        if let Some(pod) = pods.by_uid.get(&config.uid)
            && pod.state.ready
        {
            return Ok(pod.state.id.clone());
        }
        let ip = pods.addresses.take();
        let ip = ip.ok_or_else(|| {
            RuntimeError::failed("cannot run the sandbox", "no pod address is left")
        })?;
        let id = SandboxId::from(inner.env.uid().replace('-', ""));
        let state = SandboxState {
            id: id.clone(),
            attempt: config.attempt,
            ready: true,
            ips: vec![IpAddr::V4(ip)],
            created_at: inner.env.now(),
        };
        let uid = config.uid.clone();
        let containers = pods.by_uid.remove(&uid).map(|pod| pod.containers).unwrap_or_default();
        pods.by_uid.insert(uid.clone(), Pod { config, state, containers });
        drop(pods);
        inner.events.changed(&uid);
        Ok(id)
    }

    fn stop_sandbox(&self, id: &SandboxId) {
        let inner = &self.inner;
        let mut pods = inner.pods.lock();
        let Pods { addresses, by_uid } = &mut *pods;
        let Some(pod) = by_uid.values_mut().find(|pod| pod.state.id == *id) else { return };
        let now = inner.env.now();
        for container in &mut pod.containers {
            if let Some(end) = container.stop(&inner.env, Duration::ZERO) {
                container.finish(end, now);
            }
        }
        if std::mem::take(&mut pod.state.ready) {
            for ip in &pod.state.ips {
                if let IpAddr::V4(ip) = ip {
                    addresses.release(*ip);
                }
            }
        }
        let uid = pod.config.uid.clone();
        drop(pods);
        inner.events.changed(&uid);
    }

    fn remove_sandbox(&self, id: &SandboxId) {
        self.stop_sandbox(id);
        let mut pods = self.inner.pods.lock();
        let uid = pods.by_uid.iter().find(|(_, pod)| pod.state.id == *id);
        if let Some(uid) = uid.map(|(uid, _)| uid.clone()) {
            pods.by_uid.remove(&uid);
            drop(pods);
            self.inner.events.changed(&uid);
        }
    }

    async fn start(&self, config: &ContainerConfig) -> Result<ContainerId, RuntimeError> {
        let inner = &self.inner;
        let no_sandbox = || RuntimeError::NotFound(format!("sandbox {}", config.sandbox));
        let stages = {
            let pods = inner.pods.lock();
            let pod = pods.sandbox(&config.sandbox).ok_or_else(no_sandbox)?;
            if let Some(same) = pod.same(config) {
                return Ok(same);
            }
            inner.stages(&pod.config, &config.name)?
        };
        inner.pause(stages.start.draw(&inner.env)).await;
        if let Some(why) = &stages.start_error {
            return Err(RuntimeError::failed("cannot start the container", why.as_str()));
        }
        let mut pods = inner.pods.lock();
        let mut pod = pods.by_uid.values_mut();
        let pod = pod.find(|pod| pod.state.id == config.sandbox).ok_or_else(no_sandbox)?;
        if let Some(same) = pod.same(config) {
            return Ok(same);
        }
        let container = Container::new(&inner.env, config, stages);
        let (id, end) = (container.state.id.clone(), container.end);
        let uid = pod.config.uid.clone();
        pod.containers.push(container);
        drop(pods);
        inner.events.changed(&uid);
        self.end_at(&uid, &id, end);
        Ok(id)
    }

    async fn stop(&self, id: &ContainerId, grace: Duration) {
        let inner = &self.inner;
        let found = {
            let mut pods = inner.pods.lock();
            pods.container(id).map(|(uid, container)| {
                let end = container.stop(&inner.env, grace);
                (uid, end, container.ended.subscribe())
            })
        };
        let Some((uid, end, mut ended)) = found else { return };
        self.end_at(&uid, id, end);
        // The sender goes with the container, which has then ended too.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Ends a container at its time: at once, or by the wheel.
    fn end_at(&self, uid: &str, id: &ContainerId, end: Option<End>) {
        let Some(end) = end else { return };
        if end.at <= self.inner.env.instant() {
            return self.inner.finish(uid, id, end);
        }
        let inner: Weak<Inner> = Arc::downgrade(&self.inner);
        let (uid, id) = (uid.to_owned(), id.clone());
        self.inner.wheel.at(end.at, move || {
            if let Some(inner) = inner.upgrade() {
                inner.finish(&uid, &id, end);
            }
        });
    }

    async fn image(&self, op: ImageOp) -> Result<Option<ImageState>, RuntimeError> {
        let ImageOp::Pull { image, pod, .. } = op else {
            let there = ImageState { id: String::new(), bytes: 0 };
            return Ok(matches!(op, ImageOp::Status(_)).then_some(there));
        };
        let inner = &self.inner;
        let config = inner.pods.lock().by_uid.get(&pod).map(|pod| pod.config.clone());
        let stages = match config {
            Some(config) => inner.stages(&config, "")?,
            None => Stages::default(),
        };
        inner.pause(stages.pull.draw(&inner.env)).await;
        match stages.pull_error {
            Some(why) => Err(RuntimeError::Image(why)),
            None => Ok(Some(ImageState { id: image, bytes: 0 })),
        }
    }

    fn exec(&self, id: &ContainerId, options: &ExecOptions) -> Result<ExecSession, RuntimeError> {
        let mut pods = self.inner.pods.lock();
        let missing = || RuntimeError::NotFound(format!("container {id}"));
        let (_, container) = pods.container(id).ok_or_else(missing)?;
        if !container.state.is_running() {
            return Err(RuntimeError::NotRunning(id.clone()));
        }
        let code = container.exec(self.inner.env.instant(), &options.command);
        let empty = |wanted: bool| wanted.then(|| Box::pin(tokio::io::empty()) as Reader);
        Ok(ExecSession {
            stdin: options.stdin.then(|| Box::pin(tokio::io::sink()) as _),
            stdout: empty(options.stdout),
            stderr: empty(options.stderr),
            resize: None,
            exit: std::future::ready(Ok(code)).boxed(),
        })
    }

    fn logs(
        &self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Bytes>, RuntimeError> {
        let mut pods = self.inner.pods.lock();
        let missing = || RuntimeError::NotFound(format!("container {id}"));
        let (_, container) = pods.container(id).ok_or_else(missing)?;
        let text = log_text(container, options);
        let mut ended = container.ended.subscribe();
        let follow = options.follow && container.state.is_running();
        let wait = async move {
            if follow {
                let _ = ended.wait_for(|ended| *ended).await;
            }
            Bytes::new()
        };
        let all = stream::iter([text]).chain(stream::once(wait));
        Ok(all.filter(|chunk| std::future::ready(!chunk.is_empty())).boxed())
    }
}

fn log_text(container: &Container, options: &LogOptions) -> Bytes {
    let lines: Vec<&str> = container.stages.log.lines().collect();
    let tail = options.tail_lines.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let mut text = String::new();
    for line in &lines[lines.len().saturating_sub(tail)..] {
        if options.timestamps {
            text.push_str(&container.state.created_at.to_string());
            text.push(' ');
        }
        text.push_str(line);
        text.push('\n');
    }
    let limit = options.limit_bytes.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let mut bytes = text.into_bytes();
    bytes.truncate(limit);
    bytes.into()
}

impl Inner {
    fn stages(&self, pod: &SandboxConfig, container: &str) -> Result<Stages, RuntimeError> {
        let rule = self.rules.iter().find(|rule| rule.matches(&pod.labels));
        let stages = rule.map(|rule| rule.stages.clone()).unwrap_or_default();
        let stages = stages.with(&pod.annotations, container);
        stages.map_err(|error| RuntimeError::Config(error.to_string()))
    }

    /// Waits; not at all where there is nothing to wait for.
    async fn pause(&self, span: Duration) {
        if !span.is_zero() {
            self.env.sleep(span).await;
        }
    }

    fn finish(&self, uid: &str, id: &ContainerId, end: End) {
        let now = self.env.now();
        let mut pods = self.pods.lock();
        let Some(pod) = pods.by_uid.get_mut(uid) else { return };
        let container = pod.containers.iter_mut().find(|container| container.state.id == *id);
        if container.is_some_and(|container| container.finish(end, now)) {
            drop(pods);
            self.events.changed(uid);
        }
    }
}

impl Pods {
    fn sandbox(&self, id: &SandboxId) -> Option<&Pod> {
        self.by_uid.values().find(|pod| pod.state.id == *id && pod.state.ready)
    }

    fn container(&mut self, id: &ContainerId) -> Option<(String, &mut Container)> {
        self.by_uid.iter_mut().find_map(|(uid, pod)| {
            let found = pod.containers.iter_mut().find(|container| container.state.id == *id)?;
            Some((uid.clone(), found))
        })
    }
}

impl Pod {
    fn same(&self, config: &ContainerConfig) -> Option<ContainerId> {
        let mut states = self.containers.iter().map(|container| &container.state);
        let same = states.find(|s| s.name == config.name && s.attempt == config.attempt);
        same.map(|state| state.id.clone())
    }

    fn state(&self) -> PodState {
        PodState {
            uid: self.config.uid.clone(),
            namespace: self.config.namespace.clone(),
            name: self.config.name.clone(),
            sandbox: Some(self.state.clone()),
            containers: self.containers.iter().map(|c| c.state.clone()).collect(),
        }
    }
}

#[async_trait]
impl Runtime for SimulatedRuntime {
    fn info(&self) -> RuntimeInfo {
        let version = env!("CARGO_PKG_VERSION");
        RuntimeInfo { name: "simulated", version, real: false, isolated: false }
    }

    async fn pods(&self, uid: Option<&str>) -> Result<Vec<PodState>, RuntimeError> {
        let pods = self.inner.pods.lock();
        Ok(match uid {
            Some(uid) => pods.by_uid.get(uid).map(Pod::state).into_iter().collect(),
            None => pods.by_uid.values().map(Pod::state).collect(),
        })
    }

    async fn sandbox(&self, op: SandboxOp) -> Result<SandboxId, RuntimeError> {
        match op {
            SandboxOp::Run(config) => self.run_sandbox(*config),
            SandboxOp::Stop(id) => {
                self.stop_sandbox(&id);
                Ok(id)
            }
            SandboxOp::Remove(id) => {
                self.remove_sandbox(&id);
                Ok(id)
            }
            _ => Err(RuntimeError::Unsupported("this sandbox operation")),
        }
    }

    async fn container(&self, op: ContainerOp) -> Result<ContainerId, RuntimeError> {
        match op {
            ContainerOp::Start(config) => self.start(&config).await,
            ContainerOp::Stop { container, grace } => {
                self.stop(&container, grace).await;
                Ok(container)
            }
            ContainerOp::Remove(id) => {
                self.stop(&id, Duration::ZERO).await;
                let mut pods = self.inner.pods.lock();
                for pod in pods.by_uid.values_mut() {
                    pod.containers.retain(|container| container.state.id != id);
                }
                Ok(id)
            }
            _ => Err(RuntimeError::Unsupported("this container operation")),
        }
    }

    async fn image(&self, op: ImageOp) -> Result<Option<ImageState>, RuntimeError> {
        SimulatedRuntime::image(self, op).await
    }

    async fn stream(&self, op: StreamOp) -> Result<Streams, RuntimeError> {
        match op {
            StreamOp::Exec { container, options } | StreamOp::Attach { container, options } => {
                self.exec(&container, &options).map(Streams::Session)
            }
            StreamOp::Logs { container, options } => {
                self.logs(&container, &options).map(Streams::Log)
            }
            _ => Err(RuntimeError::Unsupported("connections to simulated pods")),
        }
    }

    fn events(&self) -> BoxStream<'static, RuntimeEvent> {
        self.inner.events.subscribe()
    }
}
