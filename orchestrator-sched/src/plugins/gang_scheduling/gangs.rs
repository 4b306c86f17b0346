//! Which pods belong to which gang, and how far each gang is.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::{PodId, PodInfo};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::framework::Refusal;

/// The gangs of a cluster; clones share one state.
///
/// It is told of groups and pods by whoever watches them, and of reservations by the plugin.
#[derive(Clone, Debug, Default)]
pub struct Gangs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    groups: BTreeMap<ObjectKey, Group>,
    /// The group of each pod that names one.
    pods: BTreeMap<ObjectKey, (PodId, ObjectKey)>,
}

#[derive(Debug, Default)]
struct Group {
    /// How its pods are placed; unknown while there are only pods.
    policy: Option<Policy>,
    members: BTreeMap<PodId, Member>,
    /// Those that may not be bound before enough others have reserved.
    waiting: BTreeMap<PodId, oneshot::Sender<Result<(), Refusal>>>,
}

#[derive(Clone, Copy, Debug)]
enum Policy {
    /// One by one.
    Single,
    /// At least so many together.
    Gang(usize),
}

#[derive(Debug)]
struct Member {
    key: ObjectKey,
    state: MemberState,
}

/// How far a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum MemberState {
    /// It has no node.
    Waiting,
    /// A node is chosen for it.
    Assumed,
    /// It has reserved all that it needs there, or is bound.
    Reserved,
}

/// What a gang wants of one attempt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wanted {
    /// How many of its pods must have a node.
    pub min: usize,
    /// How many have one, or are about to.
    pub placed: usize,
    /// Those that have none.
    pub waiting: Vec<PodId>,
}

/// The group that a pod names.
fn group_of(pod: &Pod) -> Option<ObjectKey> {
    let name = pod.spec.as_ref()?.scheduling_group.as_ref()?.pod_group_name.as_deref()?;
    Some(ObjectKey::new(pod.metadata.namespace.as_deref().unwrap_or_default(), name))
}

impl Gangs {
    /// Takes note of a group, `None` where it is gone; its policy is how many pods must be placed
    /// together, `None` where they are placed one by one. Returns the pods that it may concern.
    pub fn set_group(&self, key: &ObjectKey, policy: Option<Option<usize>>) -> Vec<ObjectKey> {
        let mut state = self.0.lock();
        let group = state.groups.entry(key.clone()).or_default();
        group.policy = policy.map(|min| min.map_or(Policy::Single, Policy::Gang));
        group.answer();
        let concerned = group.members.values().map(|member| member.key.clone()).collect();
        state.drop_unused(key);
        concerned
    }

    /// Takes note of a pod, `None` where it is gone. Returns the other pods that it may concern:
    /// those that waited for it to appear.
    pub fn set_pod(&self, key: &ObjectKey, pod: Option<&Pod>) -> Vec<ObjectKey> {
        let mut state = self.0.lock();
        let new =
            pod.filter(|pod| counts(pod)).and_then(|pod| Some((PodId::of(pod), group_of(pod)?)));
        let old = state.pods.get(key).cloned();
        if let Some((id, group)) = old.filter(|old| Some(old) != new.as_ref()) {
            state.pods.remove(key);
            state.leave(&id, &group);
        }
        let (Some((id, at)), Some(pod)) = (new, pod) else { return Vec::new() };
        state.pods.insert(key.clone(), (id.clone(), at.clone()));
        let group = state.groups.entry(at).or_default();
        let bound =
            pod.spec.as_ref().is_some_and(|s| s.node_name.as_ref().is_some_and(|n| !n.is_empty()));
        let state = if bound { MemberState::Reserved } else { MemberState::Waiting };
        let held_before = group.held();
        match group.members.get_mut(&id) {
            Some(member) => member.state = member.state.max(state),
            None => drop(group.members.insert(id, Member { key: key.clone(), state })),
        }
        group.answer();
        match held_before && !group.held() {
            true => group
                .members
                .values()
                .map(|member| member.key.clone())
                .filter(|k| k != key)
                .collect(),
            false => Vec::new(),
        }
    }

    /// Why `pod` may not be tried yet.
    pub(super) fn hold(&self, pod: &PodInfo) -> Option<String> {
        let at = group_of(&pod.pod)?;
        let state = self.0.lock();
        match state.groups.get(&at) {
            Some(group) if group.policy.is_some() => group.held().then(|| {
                "waiting for minCount pods from a gang to appear in scheduling queue".into()
            }),
            _ => Some(format!(
                "waiting for pod's pod group {:?} to appear in scheduling queue",
                at.name
            )),
        }
    }

    /// What the gang of `pod` wants of an attempt; `None` for a pod of no gang.
    pub fn wanted(&self, pod: &PodInfo) -> Option<Wanted> {
        let at = group_of(&pod.pod)?;
        let state = self.0.lock();
        let group = state.groups.get(&at)?;
        let min = group.min()?;
        let waiting = group.members.iter().filter(|(_, m)| m.state == MemberState::Waiting);
        let waiting = waiting.map(|(id, _)| id.clone()).collect();
        Some(Wanted { min, placed: group.count(MemberState::Assumed), waiting })
    }

    /// A node is chosen for the pod, with enough others.
    pub(crate) fn assume(&self, pod: &PodInfo) {
        self.change(pod, |group| group.set(&pod.id, MemberState::Assumed));
    }

    /// The pod has reserved what it needs.
    pub(super) fn reserve(&self, pod: &PodInfo) {
        self.change(pod, |group| {
            group.set(&pod.id, MemberState::Reserved);
            group.answer();
        });
    }

    /// The pod has given back what it reserved: unless enough others have, they give back too.
    pub(crate) fn unreserve(&self, pod: &PodInfo) {
        self.change(pod, |group| {
            group.waiting.remove(&pod.id);
            group.set(&pod.id, MemberState::Waiting);
            if !group.is_complete() {
                let why = format!("pod {} of the same pod group could not be bound", pod.key);
                group.send(&Err(Refusal::resolvable(why)));
            }
        });
    }

    /// What the pod has to wait for before it may be bound; `None` where it need not.
    pub(super) fn wait(&self, pod: &PodInfo) -> Option<BoxFuture<'static, Result<(), Refusal>>> {
        let at = group_of(&pod.pod)?;
        let mut state = self.0.lock();
        let group = state.groups.get_mut(&at)?;
        if group.is_complete() {
            return None;
        }
        let (sender, answer) = oneshot::channel();
        group.waiting.insert(pod.id.clone(), sender);
        let gone = || Refusal::resolvable("the pod group is gone");
        Some(Box::pin(async move { answer.await.unwrap_or_else(|_| Err(gone())) }))
    }

    fn change(&self, pod: &PodInfo, change: impl FnOnce(&mut Group)) {
        let mut state = self.0.lock();
        if let Some(group) = group_of(&pod.pod).and_then(|at| state.groups.get_mut(&at)) {
            change(group);
        }
    }
}

impl State {
    fn leave(&mut self, id: &PodId, at: &ObjectKey) {
        if let Some(group) = self.groups.get_mut(at) {
            group.members.remove(id);
            group.waiting.remove(id);
        }
        self.drop_unused(at);
    }

    /// Forgets a group that is neither an object nor named by a pod.
    fn drop_unused(&mut self, at: &ObjectKey) {
        if self.groups.get(at).is_some_and(|g| g.policy.is_none() && g.members.is_empty()) {
            self.groups.remove(at);
        }
    }
}

impl Group {
    /// How many pods must be placed together; `None` where there is no such number.
    fn min(&self) -> Option<usize> {
        match self.policy? {
            Policy::Gang(min) => Some(min),
            Policy::Single => None,
        }
    }

    /// How many pods are this far or further.
    fn count(&self, state: MemberState) -> usize {
        self.members.values().filter(|member| member.state >= state).count()
    }

    fn set(&mut self, id: &PodId, state: MemberState) {
        if let Some(member) = self.members.get_mut(id) {
            member.state = state;
        }
    }

    /// Whether its pods may not be tried yet.
    fn held(&self) -> bool {
        match self.policy {
            None => true,
            Some(Policy::Single) => false,
            Some(Policy::Gang(min)) => self.members.len() < min,
        }
    }

    /// Whether enough pods have reserved what they need.
    fn is_complete(&self) -> bool {
        self.min().is_none_or(|min| self.count(MemberState::Reserved) >= min)
    }

    /// Lets those be bound that wait, if there are enough of them now.
    fn answer(&mut self) {
        if self.policy.is_some() && self.is_complete() {
            self.send(&Ok(()));
        }
    }

    fn send(&mut self, answer: &Result<(), Refusal>) {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            // Whoever does not wait any more has been told otherwise.
            let _ = waiting.send(answer.clone());
        }
    }
}

/// Whether a pod is one that a gang can count on.
fn counts(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
}
