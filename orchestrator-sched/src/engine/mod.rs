//! The scheduler's state machine: changes go in, attempts come out.
//!
//! Pure but for the choice between equally good nodes, which the caller makes: time is an
//! argument, and nothing here talks to the API. [`run`](crate::run) joins it with informers and
//! effects; tests drive it by hand.

mod cache;
mod gang;
mod queue;

pub use queue::{Backoff, Queue};

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use orchestrator_core::ObjectKey;
use orchestrator_core::env::{Activity, Busy};
use orchestrator_core::scheduler::{
    ClusterEvent, Decision, PodGroup, PodInfo, Rejection, Scheduler, Snapshot, Storage,
};

use crate::dense::Choice;
use crate::framework::Framework;
use crate::plugins::gang_scheduling::Gangs;
use cache::ClusterCache;

/// The state of one or more schedulers over one cluster.
#[derive(Debug)]
pub struct Engine {
    cache: ClusterCache,
    profiles: Vec<Profile>,
    /// Whose pod is tried next: the schedulers take turns.
    turn: usize,
    /// The pods that are placed together, by the name of their scheduler.
    gangs: BTreeMap<String, Gangs>,
    /// Attempts of a gang that are not told yet.
    ready: VecDeque<Attempt>,
}

/// A scheduler and the pods that wait for it.
#[derive(Debug)]
struct Profile {
    scheduler: Arc<dyn Scheduler>,
    /// Its place among the frameworks, if it is one.
    framework: Option<usize>,
    queue: Queue,
}

/// Who decides about the pods that ask for it by name.
#[derive(Clone, Debug)]
pub enum Decider {
    /// A scheduler made of plugins, whose answers are kept.
    Framework(Arc<Framework>),
    /// A scheduler of any kind.
    Other(Arc<dyn Scheduler>),
}

impl Decider {
    /// The scheduler.
    pub fn scheduler(&self) -> Arc<dyn Scheduler> {
        match self {
            Self::Framework(framework) => Arc::clone(framework) as _,
            Self::Other(scheduler) => Arc::clone(scheduler),
        }
    }
}

impl From<Arc<Framework>> for Decider {
    fn from(framework: Arc<Framework>) -> Self {
        Self::Framework(framework)
    }
}

impl From<Arc<dyn Scheduler>> for Decider {
    fn from(scheduler: Arc<dyn Scheduler>) -> Self {
        Self::Other(scheduler)
    }
}

/// A pod that was tried.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    /// The pod.
    pub pod: Arc<PodInfo>,
    /// What was decided about it.
    pub outcome: Outcome,
    /// The attempt goes on until this is dropped.
    pub busy: Busy,
}

/// What was decided about a pod.
#[derive(Debug)]
pub enum Outcome {
    /// It is assumed on this node and must be bound; see [`Engine::binding_failed`].
    Bind {
        /// The node.
        node: Arc<str>,
        /// How many nodes were equally good.
        among: usize,
    },
    /// It waits again.
    Unschedulable(Box<Rejection>),
}

impl Engine {
    /// No nodes and no pods; `schedulers` decide on the pods that ask for them by name.
    pub fn new(
        schedulers: impl IntoIterator<Item = impl Into<Decider>>,
        backoff: Backoff,
        activity: &Activity,
    ) -> Self {
        let mut frameworks = Vec::new();
        let profile = |decider: Decider| {
            let scheduler = decider.scheduler();
            let queue = Queue::new(Arc::clone(&scheduler), backoff, activity.clone());
            let framework = match decider {
                Decider::Framework(framework) => {
                    frameworks.push(framework);
                    Some(frameworks.len() - 1)
                }
                Decider::Other(_) => None,
            };
            Profile { scheduler, framework, queue }
        };
        let profiles = schedulers.into_iter().map(Into::into).map(profile).collect();
        Self {
            cache: ClusterCache::new(frameworks),
            profiles,
            turn: 0,
            gangs: BTreeMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// The cluster as it is known, with the pods that are assumed.
    pub fn snapshot(&self) -> &Snapshot {
        self.cache.snapshot()
    }

    /// Takes note of a node, `None` where it is gone.
    pub fn set_node(&mut self, name: &str, node: Option<Arc<Node>>, now: Duration) {
        let old = self.cache.snapshot().node(name).cloned();
        self.cache.set_node(name, node);
        let new = self.cache.snapshot().node(name).cloned();
        match (&old, &new) {
            (None, Some(node)) => self.wake(&ClusterEvent::NodeAdded { node }, now),
            (Some(old), Some(new)) => self.wake(&ClusterEvent::NodeChanged { old, new }, now),
            (_, None) => {}
        }
    }

    /// Takes note of a namespace, `None` where it is gone.
    pub fn set_namespace(&mut self, name: &str, namespace: Option<&Namespace>, now: Duration) {
        self.cache.set_namespace(name, namespace);
        self.wake(&ClusterEvent::Other { kind: "Namespace" }, now);
    }

    /// Takes note of the pods that an object of `kind` selects, `None` where it is gone.
    pub fn set_group(
        &mut self,
        kind: &str,
        key: &ObjectKey,
        group: Option<PodGroup>,
        now: Duration,
    ) {
        if self.cache.snapshot().group(kind, key) != group.as_ref() {
            self.cache.set_group(kind, key, group);
            self.wake(&ClusterEvent::Other { kind }, now);
        }
    }

    /// Takes note of a change of the object `key` of `kind`, which is about volumes.
    pub fn change_storage(
        &mut self,
        kind: &str,
        key: &ObjectKey,
        change: impl FnOnce(&mut Storage),
        now: Duration,
    ) {
        change(self.cache.storage_mut());
        self.wake(&ClusterEvent::Storage { kind, key }, now);
    }

    /// Takes note of a pod, `None` where it is gone.
    pub fn set_pod(&mut self, key: &ObjectKey, pod: Option<Arc<Pod>>, now: Duration) {
        let change = self.cache.set_pod(key, pod);
        if let Some(gone) = &change.gone {
            self.dequeue(gone);
            self.wake_for_promised(gone, now);
        }
        if let Some(left) = &change.left {
            self.wake(&ClusterEvent::PodRemoved { pod: left }, now);
        }
        if let Some(bound) = &change.bound {
            self.dequeue(bound);
            self.wake(&ClusterEvent::PodBound { pod: bound }, now);
        }
        if let Some((old, new)) = &change.changed {
            self.wake(&ClusterEvent::PodChanged { old, new }, now);
        }
        match &change.waiting {
            Some(waiting) => {
                let before =
                    change.before.filter(|old| old.nominated_node() != waiting.nominated_node());
                if let Some(old) = before {
                    self.wake_for_promised(&old, now);
                }
                if let Some(queue) = self.queue_of(waiting) {
                    queue.set(Arc::clone(waiting), now);
                }
            }
            None => self.drop_unbound(key),
        }
    }

    /// Tries the next pod, if there is one; `pick` chooses between this many equal nodes.
    pub fn next(&mut self, now: Duration, pick: impl Fn(usize) -> usize) -> Option<Attempt> {
        if let Some(attempt) = self.ready.pop_front() {
            return Some(attempt);
        }
        let (profile, pod, busy) = self.pop(now)?;
        if let Some(wanted) = self.gang_of(&pod) {
            self.try_gang(profile, (pod, busy), &wanted, now, &pick);
            return self.ready.pop_front();
        }
        let outcome = match self.place(profile, &pod, &pick) {
            Ok((node, among)) => Outcome::Bind { node, among },
            Err(rejection) => self.put_back(&pod, *rejection, now),
        };
        Some(Attempt { pod, outcome, busy })
    }

    /// Finds a node for a pod, one of so many that are equally good, and assumes it there.
    fn place(
        &mut self,
        profile: usize,
        pod: &Arc<PodInfo>,
        pick: &impl Fn(usize) -> usize,
    ) -> Result<(Arc<str>, usize), Box<Rejection>> {
        let Profile { scheduler, framework, .. } = &self.profiles[profile];
        // A pod that was promised room goes there if it can, however good other nodes are.
        let core = framework.filter(|_| pod.nominated_node().is_none());
        let choice = core.map_or(Choice::Unknown, |core| self.cache.place(core, pod, pick));
        let (node, among) = match choice {
            Choice::Node { node, among } => return Ok((node, among)),
            Choice::None(rejection) => return Err(rejection),
            Choice::Unknown => match scheduler.schedule(pod, self.cache.snapshot()) {
                Decision::Bind(placement) => {
                    let among = placement.best.len();
                    let node = placement.best.get(pick(among));
                    (Arc::clone(node.ok_or_else(Box::default)?), among)
                }
                Decision::Unschedulable(rejection) => return Err(Box::new(rejection)),
                _ => return Err(Box::default()),
            },
        };
        self.cache.assume(pod, &node);
        Ok((node, among))
    }

    /// Takes note that an assumed pod could not be bound; returns whether it is tried again.
    pub fn binding_failed(&mut self, pod: &PodInfo, now: Duration) -> bool {
        if let Some(gangs) = self.gangs.get(pod.scheduler_name()) {
            gangs.unreserve(pod);
        }
        let Some(waiting) = self.cache.forget(pod) else { return false };
        self.wake(&ClusterEvent::PodRemoved { pod }, now);
        let Some(queue) = self.queue_of(&waiting) else { return false };
        queue.retry(&waiting.id, now);
        queue.contains(&waiting.id)
    }

    /// Whether the pod is known to be without a node, whatever is assumed of it.
    pub fn is_waiting(&self, pod: &PodInfo) -> bool {
        self.cache.waiting(&pod.key).is_some_and(|waiting| waiting.id == pod.id)
    }

    /// Whether a pod can be tried now.
    pub fn has_active(&mut self) -> bool {
        !self.ready.is_empty() || self.profiles.iter_mut().any(|profile| profile.queue.has_active())
    }

    /// When a pod that cannot be tried now can be tried.
    pub fn next_due(&mut self) -> Option<Duration> {
        self.profiles.iter_mut().filter_map(|profile| profile.queue.next_due()).min()
    }

    /// The next pod, with the place of the scheduler that it asks for.
    fn pop(&mut self, now: Duration) -> Option<(usize, Arc<PodInfo>, Busy)> {
        let count = self.profiles.len();
        for offset in 0..count {
            let index = (self.turn + offset) % count;
            let profile = &mut self.profiles[index];
            profile.queue.tick(now);
            if let Some((pod, busy)) = profile.queue.pop(now) {
                self.turn = index + 1;
                return Some((index, pod, busy));
            }
        }
        None
    }

    fn queue_of(&mut self, pod: &PodInfo) -> Option<&mut Queue> {
        let name = pod.scheduler_name();
        let profile = self.profiles.iter_mut().find(|profile| profile.scheduler.name() == name);
        profile.map(|profile| &mut profile.queue)
    }

    fn put_back(&mut self, pod: &Arc<PodInfo>, rejection: Rejection, now: Duration) -> Outcome {
        match &rejection.nomination {
            Some(nomination) => self.cache.nominate(pod, &nomination.node),
            None if rejection.withdraws => self.cache.withdraw(pod),
            None => {}
        }
        if let Some(queue) = self.queue_of(pod) {
            queue.put_back(&pod.id, rejection.clone(), now);
        }
        Outcome::Unschedulable(Box::new(rejection))
    }

    fn wake(&mut self, event: &ClusterEvent<'_>, now: Duration) {
        self.profiles.iter_mut().for_each(|profile| profile.queue.wake(event, now));
    }

    /// Those that are no more important had to treat a pod that was promised room as if it were
    /// there; when it is promised no longer, they are tried again, the pod itself among them.
    fn wake_for_promised(&mut self, pod: &PodInfo, now: Duration) {
        if pod.nominated_node().is_some() {
            let event = ClusterEvent::PodRemoved { pod };
            for profile in &mut self.profiles {
                profile.queue.wake_up_to(pod.priority, &event, now);
            }
        }
    }

    fn dequeue(&mut self, pod: &PodInfo) {
        self.profiles.iter_mut().for_each(|profile| profile.queue.remove(&pod.id));
    }

    /// Takes a pod out of the queue that neither waits nor is bound: it is on its way out.
    fn drop_unbound(&mut self, key: &ObjectKey) {
        if let Some(pod) = self.cache.leaving(key) {
            self.dequeue(&pod);
        }
    }
}
