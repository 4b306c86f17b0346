//! Runs schedulers: informers feed an [`Engine`], its attempts become writes.
//!
//! One task owns the engine. It takes changes from an inbox, tries one pod at a time,
//! and lets bindings run beside it; a pod is assumed on its node while it is being bound, so the
//! next decision knows of it. Nothing is polled: the loop sleeps until a change, the end of a
//! binding or a timer.

mod attempts;
mod effects;
mod gangs;
mod inbox;
mod snapshot;
mod sources;
mod storage;

pub use attempts::{Attempts, Ended};
pub use snapshot::snapshot;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use orchestrator_client::{Client, Informers};
use orchestrator_core::env::Task;
use orchestrator_core::scheduler::{PodInfo, Scheduler};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tracing::warn;

use crate::config::Configuration;
use crate::engine::{Attempt, Backoff, Decider, Engine, Outcome};
use crate::framework::Framework;
use crate::plugins::{self, DefaultBinder};
use effects::{Done, Effects};
use inbox::Inbox;
use sources::Sources;

/// How many bindings and condition writes may be under way: enough to hide the latency of a
/// remote API, few enough not to flood it.
const MAX_WRITES: usize = 64;

/// How many pods may be between decision and binding: those that wait for volumes or permission
/// must not keep others from being tried. Some kilobytes each.
const MAX_EFFECTS: usize = 16_384;

/// How long a pod that was bound takes room before a watch shows it: far longer than any watch that
/// works lags behind.
const ASSUMED: Duration = Duration::from_secs(30);

/// Puts schedulers together and starts them.
#[derive(Debug)]
#[must_use]
pub struct SchedulerLoop {
    informers: Informers,
    /// Who decides, and who binds.
    profiles: Vec<(Decider, Arc<Framework>)>,
    backoff: Backoff,
    attempts: Attempts,
}

/// Running schedulers; dropping it ends them.
#[derive(Debug)]
pub struct Running {
    task: Task<()>,
    ready: watch::Receiver<bool>,
}

impl Running {
    /// Waits until the pods that were there at the start are in the queue.
    pub async fn ready(&self) {
        // An error means that the loop has ended; nobody should wait for it then.
        let _ = self.ready.clone().wait_for(|ready| *ready).await;
    }

    /// Waits until the loop has ended, which it does only by a panic.
    pub async fn ended(self) {
        self.task.await;
    }
}

impl SchedulerLoop {
    /// No schedulers yet.
    pub fn new(informers: Informers) -> Self {
        Self {
            informers,
            profiles: Vec::new(),
            backoff: Backoff::default(),
            attempts: Attempts::default(),
        }
    }

    /// The scheduler that pods get unless they ask for another.
    ///
    /// # Panics
    /// Never: the default plugins have distinct names.
    pub fn with_default(self) -> Self {
        let default = plugins::defaults("default-scheduler").build();
        self.with_framework(default.expect("the default plugins have distinct names"))
    }

    /// Adds the schedulers of a configuration, and takes over how long pods wait.
    pub fn configured(mut self, configuration: Configuration) -> Self {
        for framework in configuration.profiles {
            self.profiles.push((Decider::from(Arc::clone(&framework)), framework));
        }
        self.backoff(configuration.backoff)
    }

    /// Adds a scheduler made of plugins; its own plugins reserve and bind.
    pub fn with_framework(mut self, framework: Framework) -> Self {
        let framework = Arc::new(framework);
        self.profiles.push((Decider::from(Arc::clone(&framework)), framework));
        self
    }

    /// Adds a scheduler of any kind; its pods are bound through the API.
    ///
    /// # Panics
    /// Never: one plugin has a name of its own.
    pub fn with_scheduler(mut self, scheduler: Arc<dyn Scheduler>) -> Self {
        let binding = Framework::builder(scheduler.name()).with(DefaultBinder).build();
        let binding = binding.expect("one plugin has a name of its own");
        self.profiles.push((Decider::from(scheduler), Arc::new(binding)));
        self
    }

    /// Sets how long pods wait before they are tried again.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Takes the time of every attempt.
    pub fn timing(mut self, attempts: Attempts) -> Self {
        self.attempts = attempts;
        self
    }

    /// Starts; the pods that wait are tried once the informers are in sync.
    #[must_use = "the schedulers end when this is dropped"]
    pub fn start(self) -> Running {
        let env = self.informers.client().env().clone();
        let (sender, ready) = watch::channel(false);
        Running { task: env.spawn("scheduler", self.run(sender)), ready }
    }

    async fn run(self, ready: watch::Sender<bool>) {
        let client = self.informers.client().clone();
        let activity = client.env().activity().clone();
        let inbox = Arc::new(Inbox::default());
        let gangs = self
            .profiles
            .iter()
            .filter_map(|(_, cycle)| Some((cycle.name().to_owned(), cycle.gangs()?.clone())));
        let gangs: BTreeMap<_, _> = gangs.collect();
        let sources = Sources::new(&self.informers, gangs.clone(), &inbox, &activity);
        sources.synced().await;
        let deciders = self.profiles.iter().map(|(decider, _)| decider.clone());
        let engine = Engine::new(deciders, self.backoff, &activity).with_gangs(gangs);
        let slots = Arc::new(Semaphore::new(MAX_WRITES));
        let effects = self.profiles.iter().map(|(_, cycle)| {
            (cycle.name().to_owned(), Effects::new(&client, Arc::clone(cycle), Arc::clone(&slots)))
        });
        let mut looping = Looping {
            start: client.env().instant(),
            effects: effects.collect(),
            running: FuturesUnordered::new(),
            unconfirmed: VecDeque::new(),
            attempts: self.attempts,
            sources,
            client,
            engine,
            inbox,
        };
        looping.take_changes();
        ready.send_replace(true);
        looping.run().await;
    }
}

/// What follows from an attempt, with the time at which the attempt began.
type Effect = BoxFuture<'static, (Option<Duration>, Done)>;

struct Looping {
    client: Client,
    engine: Engine,
    inbox: Arc<Inbox>,
    sources: Sources,
    /// Who writes, by the name of the scheduler.
    effects: BTreeMap<String, Effects>,
    running: FuturesUnordered<Effect>,
    /// The pods that were bound and are not yet seen to be, with the time when that is overdue.
    unconfirmed: VecDeque<(Duration, Arc<PodInfo>)>,
    attempts: Attempts,
    start: Instant,
}

impl Looping {
    async fn run(mut self) {
        loop {
            self.take_changes();
            self.expire();
            if self.running.len() < MAX_EFFECTS {
                self.try_next();
            }
            let now = self.now();
            let more = self.running.len() < MAX_EFFECTS && self.can_go_on(now);
            let due = self.engine.next_due().filter(|_| !more && self.running.len() < MAX_EFFECTS);
            let overdue = self.unconfirmed.front().map(|(due, _)| *due);
            let due = due.into_iter().chain(overdue).min().map(|due| self.start + due);
            let done = tokio::select! {
                biased;
                Some(done) = self.running.next(), if !self.running.is_empty() => Some(done),
                () = self.inbox.arrived() => None,
                () = sleep_until(&self.client, due), if due.is_some() => None,
                () = tokio::task::yield_now(), if more => None,
            };
            if let Some(done) = done {
                self.finish(done);
            }
        }
    }

    fn now(&self) -> Duration {
        self.client.env().instant() - self.start
    }

    fn can_go_on(&mut self, now: Duration) -> bool {
        self.engine.has_active() || self.engine.next_due().is_some_and(|due| due <= now)
    }

    /// Brings the engine up to date.
    fn take_changes(&mut self) {
        let now = self.now();
        let (keys, _busy) = self.inbox.take();
        for (subject, key) in keys {
            self.sources.apply(&mut self.engine, subject, &key, now);
        }
    }

    /// Tries one pod and starts what follows from it.
    fn try_next(&mut self) {
        let now = self.now();
        let env = self.client.env().clone();
        let pick = move |choices: usize| match choices {
            0 | 1 => 0,
            choices => env.random_below(choices as u64) as usize,
        };
        let Some(Attempt { pod, outcome, busy }) = self.engine.next(now, pick) else { return };
        let Some(effects) = self.effects.get(pod.scheduler_name()).cloned() else { return };
        self.running.push(match outcome {
            Outcome::Bind { node, .. } => {
                Box::pin(async move { (Some(now), effects.bind(pod, node, busy).await) })
            }
            Outcome::Unschedulable(rejection) => {
                Box::pin(async move { (Some(now), effects.reject(pod, *rejection, busy).await) })
            }
        });
    }

    /// Takes back assumptions that the API does not confirm: whoever said that the pod was bound
    /// was wrong, and it must not take room for ever.
    fn expire(&mut self) {
        let now = self.now();
        while let Some((due, pod)) = self.unconfirmed.front() {
            let confirmed = !self.engine.is_waiting(pod);
            if !confirmed && *due > now {
                return;
            }
            if !confirmed {
                warn!(pod = %pod.key, "bound pod not seen, tried again");
                self.engine.binding_failed(pod, now);
            }
            self.unconfirmed.pop_front();
        }
    }

    fn finish(&mut self, (begun, done): (Option<Duration>, Done)) {
        let now = self.now();
        if let Some(begun) = begun {
            let bound = matches!(done, Done::Bound { .. });
            let ended = if bound { Ended::Scheduled } else { Ended::Otherwise };
            self.attempts.add(ended, now.saturating_sub(begun));
        }
        let (pod, reason, _busy) = match done {
            Done::Written => return,
            Done::Bound { pod } => return self.unconfirmed.push_back((now + ASSUMED, pod)),
            Done::NotBound { pod, reason, _busy } => (pod, reason, _busy),
        };
        let effects = self.effects.get(pod.scheduler_name()).cloned();
        if let Some(effects) = effects.filter(|_| self.engine.binding_failed(&pod, now)) {
            let telling = effects.tell_not_bound(pod, reason, _busy);
            self.running.push(Box::pin(async move { (None, telling.await) }));
        }
    }
}

async fn sleep_until(client: &Client, due: Option<Instant>) {
    match due {
        Some(due) => client.env().sleep_until(due).await,
        None => std::future::pending().await,
    }
}
