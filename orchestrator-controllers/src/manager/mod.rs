//! The manager: starts controllers on shared informers and owns everything that runs for them.
//!
//! For each controller the changes that it watches go through its key mappers into its own
//! [`WorkQueue`](crate::queue::WorkQueue); one task takes the keys and reconciles them (see `runner`). No reconcile runs
//! before all caches hold a consistent state. With [leader election](crate::leader) the
//! controllers run only while this process holds the lease. A manager that [follows](Manager::follow)
//! the resources asks its controllers anew what they watch when custom resources come and go.
//!
//! Dropping the [`RunningManager`] ends every task; what is queued is forgotten, which is safe
//! because a restart sees every object again.

mod discovery;
mod metrics;
mod runner;
mod started;

pub use metrics::Metrics;

pub(crate) use discovery::is_established;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orchestrator_client::Informers;
use orchestrator_core::Env;
use orchestrator_core::controller::Controller;
use orchestrator_core::env::Tasks;
use parking_lot::Mutex;

use crate::Resources;
use crate::leader::Elector;
use crate::queue::Limits;
use runner::Runner;
use started::Started;

/// Controllers that are to run together.
#[derive(Debug)]
#[must_use = "controllers run after `start`"]
pub struct Manager {
    informers: Informers,
    env: Env,
    limits: Limits,
    controllers: Vec<Arc<dyn Controller>>,
    elector: Option<Elector>,
    resources: Option<Resources>,
}

/// Controllers that run; dropping this ends them.
#[derive(Debug)]
#[must_use = "the controllers end when this is dropped"]
pub struct RunningManager {
    /// The tasks end before the queues are shut.
    _tasks: Tasks,
    controllers: Arc<Controllers>,
    elector: Option<Elector>,
}

impl Manager {
    /// A manager without controllers, on the given informers.
    pub fn new(informers: Informers, env: Env) -> Self {
        let controllers = Vec::new();
        let limits = Limits::default();
        Self { informers, env, limits, controllers, elector: None, resources: None }
    }

    /// Adds a controller.
    #[expect(clippy::should_implement_trait, reason = "a builder's step, no arithmetic")]
    pub fn add(mut self, controller: Arc<dyn Controller>) -> Self {
        self.controllers.push(controller);
        self
    }

    /// Adds controllers.
    pub fn add_all(mut self, all: impl IntoIterator<Item = Arc<dyn Controller>>) -> Self {
        self.controllers.extend(all);
        self
    }

    /// Gives the limits of each controller's queue.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Asks the controllers anew what they watch when custom resources come and go.
    pub fn follow(mut self, resources: Resources) -> Self {
        self.resources = Some(resources);
        self
    }

    /// Runs the controllers only while the lease is held.
    pub fn leader_election(mut self, elector: Elector) -> Self {
        self.elector = Some(elector);
        self
    }

    /// Starts the controllers as tasks that the result owns.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self) -> RunningManager {
        let controllers = Arc::new(Controllers {
            informers: self.informers,
            env: self.env.clone(),
            limits: self.limits,
            list: self.controllers,
            resources: self.resources,
            started: Mutex::default(),
        });
        let mut tasks = Tasks::new();
        match self.elector.clone() {
            None => tasks.push(self.env.spawn("controllers", Arc::clone(&controllers).lead())),
            Some(elector) => {
                let term = Arc::clone(&controllers);
                tasks.push(self.env.spawn("leader election", async move {
                    loop {
                        elector.acquire().await;
                        tokio::select! {
                            biased;
                            () = elector.hold() => {}
                            () = Arc::clone(&term).lead() => {}
                        }
                        term.shutdown();
                    }
                }));
            }
        }
        RunningManager { _tasks: tasks, controllers, elector: self.elector }
    }
}

impl RunningManager {
    /// What each controller has done so far; empty where this process does not lead.
    pub fn metrics(&self) -> Vec<Metrics> {
        self.controllers.started.lock().iter().map(Started::metrics).collect()
    }

    /// Ends the controllers and gives the lease back, so that another process leads at once.
    pub async fn stop(self) {
        let elector = self.elector.clone();
        drop(self);
        if let Some(elector) = elector {
            elector.release().await;
        }
    }
}

impl Drop for RunningManager {
    fn drop(&mut self) {
        self.controllers.shutdown();
    }
}

/// The controllers, and what of them runs now.
#[derive(Debug)]
struct Controllers {
    informers: Informers,
    env: Env,
    limits: Limits,
    list: Vec<Arc<dyn Controller>>,
    resources: Option<Resources>,
    started: Mutex<Vec<Started>>,
}

impl Controllers {
    /// Runs all controllers; dropping the future ends them.
    async fn lead(self: Arc<Self>) {
        let starting = self.env.activity().begin();
        let ready = Arc::new(AtomicBool::new(false));
        let runners: Vec<Runner> = self.list.iter().map(|c| self.wire(c, &ready)).collect();
        let changes = self
            .resources
            .as_ref()
            .and_then(|resources| discovery::Changes::follow(&self.informers, resources));
        self.informers.synced().await;
        ready.store(true, Ordering::Relaxed);
        let mut tasks = Tasks::new();
        for runner in runners {
            tasks.push(self.env.spawn("controller", runner.run()));
        }
        if let Some(changes) = changes {
            let controllers = Arc::clone(&self);
            tasks.push(self.env.spawn("resource discovery", changes.run(controllers)));
        }
        drop(starting);
        std::future::pending::<()>().await;
        drop(tasks);
    }

    /// Connects what a controller watches with a new queue.
    fn wire(&self, controller: &Arc<dyn Controller>, ready: &Arc<AtomicBool>) -> Runner {
        let mut started = Started::new(controller, &self.env, self.limits, ready);
        started.connect(&self.informers);
        let (queue, counters) = (started.queue.clone(), Arc::clone(&started.counters));
        self.started.lock().push(started);
        let (informers, env) = (self.informers.clone(), self.env.clone());
        Runner { controller: Arc::clone(controller), queue, counters, informers, env }
    }

    /// Connects what controllers watch now and did not before, and lets go of what is not served
    /// any more.
    fn rewire(&self, resources: &Resources) {
        let mut started = self.started.lock();
        let served = resources.versions();
        for controller in started.iter_mut() {
            for resource in controller.abandoned(&served) {
                self.informers.forget(&resource);
            }
            controller.connect(&self.informers);
        }
    }

    fn shutdown(&self) {
        for started in self.started.lock().drain(..) {
            started.queue.shutdown();
        }
    }
}
