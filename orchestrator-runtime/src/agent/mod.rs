//! The node agent: registers a node, runs the pods bound to it, and reports how they are.
//!
//! ```text
//!  API server ──▶ pods informer ──▶ Pods ──▶ one Worker per pod ──▶ plan ──▶ actions ──▶ Runtime
//!       ▲                                        │  ▲                                      │
//!       └──────────── status, events ◀───────────┘  └──── runtime events, probe verdicts ◀─┘
//! ```
//!
//! Each pod has one worker, a task that owns all that is known about the pod. It looks at the
//! runtime, asks [`plan`](crate::plan::plan) what to do, does it, reports the status, and sleeps
//! until something changes or the plan's time has come. Nothing polls, and nothing is kept on
//! disk: a new agent finds the runtime's state and the API's objects and goes on.
//!
//! Dropping the [`Agent`] ends its tasks; what becomes of containers is the runtime's choice.

mod actions;
mod admission;
mod api;
mod config;
mod context;
mod dialer;
mod heartbeat;
mod housekeeping;
mod mailbox;
mod mirror;
mod node;
mod orphans;
mod pods;
mod pressure;
mod probes;
mod selector;
mod sources;
mod start;
mod statics;
mod stop;
mod worker;

use std::sync::{Arc, Weak};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_client::{Informer, Informers, Recorder};
use orchestrator_core::env::{Task, Tasks};
use orchestrator_core::node::NodeApi;
use orchestrator_core::runtime::{Housekeeping, Runtime, RuntimeEvent};
use tokio::sync::watch;

pub use config::{NodeConfig, host_name};
pub use dialer::NodeTable;

use context::Context;
use pods::Pods;

/// A running node agent; dropping it stops it.
#[derive(Debug)]
pub struct Agent {
    pods: Arc<Pods>,
    ready: watch::Receiver<bool>,
    _tasks: Tasks,
}

/// What an [`Agent`] is made of besides its configuration.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The caches that it shares with others.
    pub informers: Informers,
    /// What it runs pods with.
    pub runtime: Arc<dyn Runtime>,
    /// Its pods: those bound to its node, or a cache that holds others too.
    pub pods: Informer<Pod>,
    /// Its node, or a cache that holds others too.
    pub nodes: Informer<Node>,
    /// Where it reports events.
    pub recorder: Recorder,
    /// What else it looks after, where the runtime has images and limits.
    pub housekeeping: Option<Arc<dyn Housekeeping>>,
}

impl Parts {
    /// The parts of an agent that has caches of its own, of its own objects only.
    pub fn new(informers: &Informers, runtime: Arc<dyn Runtime>, node: &str) -> Self {
        Self {
            informers: informers.clone(),
            runtime,
            pods: informers.selected(&format!("spec.nodeName={node}")),
            nodes: informers.selected(&format!("metadata.name={node}")),
            recorder: Recorder::new(informers.client(), "kubelet", node),
            housekeeping: None,
        }
    }
}

impl Agent {
    /// Starts an agent that follows its pods by itself.
    pub fn start(config: NodeConfig, parts: Parts) -> Self {
        let agent = Self::start_fed(config, parts.clone());
        let pods = Arc::downgrade(&agent.pods);
        parts.pods.on_change(Arc::new(move |change| {
            if let Some(pods) = pods.upgrade() {
                pods.deliver(change);
            }
        }));
        agent
    }

    /// Starts an agent whose owner brings it the changes of its pods.
    pub(crate) fn start_fed(config: NodeConfig, parts: Parts) -> Self {
        let env = parts.informers.client().env().clone();
        let feeds = (parts.pods.clone(), parts.nodes.clone());
        let keeper = parts.housekeeping.clone();
        let context = Arc::new(Context::new(config, parts));
        let pods = Pods::new(Arc::clone(&context));
        let (ready, ready_seen) = watch::channel(false);
        let mut tasks = Tasks::new();
        if let Some(dir) = context.node.static_pods.clone() {
            // Read before anything else, so that no mirror and no sandbox of theirs is an orphan.
            let node = context.node.name.clone();
            pods.statics(statics::read(&dir, &env, &node));
            let follow = statics::run(dir, env.clone(), node, Arc::downgrade(&pods));
            tasks.push(env.spawn("static pods", follow));
        }
        tasks.push(env.spawn("runtime events", pump(Arc::clone(&context), Arc::downgrade(&pods))));
        let beat = heartbeat::run(Arc::clone(&context), feeds.1, ready);
        tasks.push(env.spawn("heartbeat", beat));
        let adopt = orphans::run(Arc::clone(&context), feeds.0, Arc::downgrade(&pods));
        tasks.push(env.spawn("orphans", adopt));
        sources::follow(&context, &pods);
        if let Some(keeper) = keeper {
            let logs = housekeeping::logs(env.clone(), Arc::clone(&keeper));
            tasks.push(env.spawn("log rotation", logs));
            let pressure =
                pressure::run(Arc::clone(&context), Arc::clone(&keeper), Arc::downgrade(&pods));
            tasks.push(env.spawn("pressure", pressure));
            let images = housekeeping::images(Arc::clone(&context), keeper);
            tasks.push(env.spawn("image collection", images));
        }
        Self { pods, ready: ready_seen, _tasks: tasks }
    }

    /// Waits until the node is registered and its lease is held.
    pub async fn ready(&self) {
        let mut ready = self.ready.clone();
        // The sender lives as long as the heartbeat, which lives as long as `self`.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// What the API server asks of this node.
    pub fn api(&self) -> Arc<dyn NodeApi> {
        api::node_api(&self.pods)
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.pods.context().node.name
    }

    pub(crate) fn pods(&self) -> &Arc<Pods> {
        &self.pods
    }
}

/// Tells workers that the runtime's state of their pods has changed.
async fn pump(context: Arc<Context>, pods: Weak<Pods>) {
    let mut events = context.runtime.events();
    while let Some(event) = events.next().await {
        let Some(pods) = pods.upgrade() else { return };
        match event {
            RuntimeEvent::Pod(uid) => pods.look(&uid),
            _ => pods.look_at_all(),
        }
    }
}

/// A task that is owned by a table.
pub(crate) type Owned = Task<()>;
