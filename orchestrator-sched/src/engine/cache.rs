//! The newest snapshot, kept up to date by changes of nodes and pods.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::{PodGroup, PodId, PodInfo, Snapshot, Storage};

use crate::dense::{Choice, Core, Ticket};
use crate::framework::Framework;

/// What is known of nodes and pods, and what is assumed.
#[derive(Debug, Default)]
pub(super) struct ClusterCache {
    snapshot: Snapshot,
    /// Follows the snapshot.
    core: Core,
    pods: BTreeMap<ObjectKey, Known>,
}

#[derive(Clone, Debug)]
struct Known {
    pod: Arc<PodInfo>,
    /// The node that it takes room on; `None` where it takes none.
    place: Option<Arc<str>>,
    /// What the core knows of it.
    ticket: Ticket,
}

/// What a change of a pod means.
#[derive(Debug, Default)]
pub(super) struct PodChange {
    /// The pod before, where it was another or is gone.
    pub gone: Option<Arc<PodInfo>>,
    /// The bound pod that left its room.
    pub left: Option<Arc<PodInfo>>,
    /// The pod that is bound now and was not before.
    pub bound: Option<Arc<PodInfo>>,
    /// The bound pod, before and after.
    pub changed: Option<(Arc<PodInfo>, Arc<PodInfo>)>,
    /// The pod that waits for a node.
    pub waiting: Option<Arc<PodInfo>>,
    /// The same pod before, where it waited already.
    pub before: Option<Arc<PodInfo>>,
}

impl ClusterCache {
    /// Nothing is known; `frameworks` will ask for decisions.
    pub fn new(frameworks: impl IntoIterator<Item = Arc<Framework>>) -> Self {
        Self { core: Core::new(frameworks), ..Self::default() }
    }

    /// Decides where a waiting pod goes, for the framework in place `framework`, and assumes it
    /// there.
    pub fn place(
        &mut self,
        framework: usize,
        pod: &Arc<PodInfo>,
        pick: impl Fn(usize) -> usize,
    ) -> Choice {
        let Self { core, snapshot, pods } = self;
        let Some(known) = pods.get_mut(&pod.key).filter(|known| known.pod.id == pod.id) else {
            return Choice::Unknown;
        };
        let Known { pod, place, ticket } = known;
        let decide = AssertUnwindSafe(|| core.place(framework, ticket, pod, snapshot, pick));
        let choice = catch_unwind(decide).unwrap_or_else(|_| {
            // A plugin panicked: the framework will find out whose it is.
            core.forget();
            Choice::Unknown
        });
        if let Choice::Node { node, .. } = &choice {
            *place = Some(Arc::clone(node));
            snapshot.withdraw(&pod.id);
            snapshot.assume(Arc::clone(pod), node);
        }
        choice
    }

    /// The cluster as it is known, with the pods that are assumed.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Takes note of a node, `None` where it is gone.
    pub fn set_node(&mut self, name: &str, node: Option<Arc<Node>>) {
        match node {
            Some(node) => self.snapshot.set_node(node),
            None => self.snapshot.remove_node(name),
        }
        self.core.set_node(name, &self.snapshot);
    }

    /// Takes note of a namespace, `None` where it is gone.
    pub fn set_namespace(&mut self, name: &str, namespace: Option<&Namespace>) {
        let labels = namespace.map(|ns| ns.metadata.labels.clone().unwrap_or_default());
        if self.snapshot.namespace(name) != labels.as_ref() {
            self.core.namespaces_changed();
        }
        self.snapshot.set_namespace(name, labels);
    }

    /// Takes note of the pods that an object of `kind` selects, `None` where it is gone.
    pub fn set_group(&mut self, kind: &str, key: &ObjectKey, group: Option<PodGroup>) {
        self.snapshot.set_group(kind, key, group);
        self.core.groups_changed();
    }

    /// The objects about volumes, to be changed.
    pub fn storage_mut(&mut self) -> &mut Storage {
        self.snapshot.storage_mut()
    }

    /// Takes note of a pod, `None` where it is gone.
    pub fn set_pod(&mut self, key: &ObjectKey, pod: Option<Arc<Pod>>) -> PodChange {
        let pod = pod.map(|pod| Arc::new(PodInfo::new(pod)));
        let before = self.pods.get(key).cloned();
        let mut change = PodChange::default();
        let same = |pod: &Arc<PodInfo>| before.as_ref().is_some_and(|old| old.pod.id == pod.id);
        let taken = pod.as_ref().and_then(|pod| place_of(pod)).or_else(|| {
            // An assumption holds until the API says otherwise.
            let pod = pod.as_ref().filter(|pod| same(pod) && !pod.is_finished())?;
            let assumed = before.as_ref().filter(|old| old.pod.node_name().is_empty())?;
            pod.node_name().is_empty().then(|| assumed.place.clone())?
        });
        if let Some(old) = &before {
            if let Some(place) = &old.place {
                let stays = pod.as_ref().is_some_and(&same) && taken.as_ref() == Some(place);
                match pod.as_ref().filter(|_| stays) {
                    Some(pod) => self.replace(&old.pod, pod, place),
                    None => self.take(&old.pod.id, place),
                }
                change.left = (!stays).then(|| Arc::clone(&old.pod));
            }
            let replaced = !pod.as_ref().is_some_and(same);
            if replaced {
                self.unpromise(&old.pod.id);
                change.gone = Some(Arc::clone(&old.pod));
            }
        }
        let Some(pod) = pod else {
            self.pods.remove(key);
            return change;
        };
        let there = before.as_ref().is_some_and(|old| old.pod.id == pod.id && old.place == taken);
        match &taken {
            Some(_) if there => {}
            Some(node) => self.put(Arc::clone(&pod), node),
            None => self.note_nomination(&pod),
        }
        if !pod.node_name().is_empty() {
            self.unpromise(&pod.id);
            let was_bound = before.filter(|old| !old.pod.node_name().is_empty());
            match was_bound.filter(|old| old.pod.id == pod.id) {
                Some(old) => change.changed = Some((old.pod, Arc::clone(&pod))),
                None => change.bound = Some(Arc::clone(&pod)),
            }
        } else if !pod.is_terminating() && !pod.is_finished() {
            change.waiting = Some(Arc::clone(&pod));
            change.before = before.map(|old| old.pod).filter(|old| old.id == pod.id);
        }
        self.pods.insert(key.clone(), Known { pod, place: taken, ticket: Ticket::default() });
        change
    }

    /// Puts a waiting pod on a node, before the API knows.
    pub fn assume(&mut self, pod: &Arc<PodInfo>, node: &str) {
        let Some(known) = self.pods.get_mut(&pod.key) else { return };
        known.place = Some(Arc::from(node));
        let pod = Arc::clone(&known.pod);
        self.unpromise(&pod.id);
        self.put(pod, node);
    }

    /// Takes an assumption back; returns the pod where it still waits for a node.
    pub fn forget(&mut self, pod: &PodInfo) -> Option<Arc<PodInfo>> {
        let known = self.pods.get_mut(&pod.key).filter(|known| known.pod.id == pod.id)?;
        if !known.pod.node_name().is_empty() {
            return None;
        }
        let place = known.place.take()?;
        let waiting = Arc::clone(&known.pod);
        self.take(&waiting.id, &place);
        Some(waiting)
    }

    /// The pod of that key, where it waits for a node.
    pub fn waiting(&self, key: &ObjectKey) -> Option<Arc<PodInfo>> {
        let waits = |pod: &&Arc<PodInfo>| {
            pod.node_name().is_empty() && !pod.is_terminating() && !pod.is_finished()
        };
        self.pods.get(key).map(|known| &known.pod).filter(waits).cloned()
    }

    /// The pod of that key, where it is on its way out without having been bound.
    pub fn leaving(&self, key: &ObjectKey) -> Option<Arc<PodInfo>> {
        let pod = &self.pods.get(key)?.pod;
        let leaves = pod.node_name().is_empty() && (pod.is_terminating() || pod.is_finished());
        leaves.then(|| Arc::clone(pod))
    }

    /// Promises a waiting pod room on a node.
    pub fn nominate(&mut self, pod: &Arc<PodInfo>, node: &str) {
        self.snapshot.nominate(Arc::clone(pod), node);
        self.core.promise(pod, node);
    }

    /// Takes back what was promised to a waiting pod.
    pub fn withdraw(&mut self, pod: &PodInfo) {
        self.unpromise(&pod.id);
    }

    fn unpromise(&mut self, id: &PodId) {
        self.snapshot.withdraw(id);
        self.core.withdraw(id);
    }

    fn put(&mut self, pod: Arc<PodInfo>, node: &str) {
        self.core.add_pod(&pod, node);
        self.snapshot.assume(pod, node);
    }

    fn take(&mut self, id: &PodId, node: &str) {
        if let Some(pod) = self.snapshot.forget(id, node) {
            self.core.remove_pod(&pod, node);
        }
    }

    /// Takes note of a pod that stays where it is; most such changes concern nobody else.
    fn replace(&mut self, old: &PodInfo, new: &Arc<PodInfo>, node: &str) {
        if self.core.tells_apart(old, new) {
            self.take(&old.id, node);
            self.put(Arc::clone(new), node);
        } else if self.snapshot.forget(&old.id, node).is_some() {
            self.snapshot.assume(Arc::clone(new), node);
        }
    }

    fn note_nomination(&mut self, pod: &Arc<PodInfo>) {
        match pod.nominated_node().filter(|_| !pod.is_terminating()) {
            Some(node) => self.nominate(pod, node),
            None => self.unpromise(&pod.id),
        }
    }
}

/// The node that a pod takes room on, as far as the API says.
fn place_of(pod: &PodInfo) -> Option<Arc<str>> {
    let node = Some(pod.node_name()).filter(|node| !node.is_empty() && !pod.is_finished());
    node.map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn key() -> ObjectKey {
        ObjectKey::new("n", "p")
    }

    fn pod(uid: &str, node: &str, phase: &str) -> Option<Arc<Pod>> {
        let pod = json!({
            "metadata": {"name": "p", "namespace": "n", "uid": uid},
            "spec": {"containers": [], "nodeName": node}, "status": {"phase": phase},
        });
        Some(Arc::new(serde_json::from_value::<Pod>(pod).unwrap()))
    }

    fn cache() -> ClusterCache {
        let mut cache = ClusterCache::default();
        cache.set_node("a", node_named("a"));
        cache
    }

    fn node_named(name: &str) -> Option<Arc<Node>> {
        let node = json!({"metadata": {"name": name}});
        Some(Arc::new(serde_json::from_value::<Node>(node).unwrap()))
    }

    fn on_a(cache: &ClusterCache) -> i64 {
        cache.snapshot().node("a").unwrap().requested.pods
    }

    #[test]
    fn an_assumption_holds_until_the_api_confirms_or_denies_it() {
        let mut cache = cache();
        let waiting = cache.set_pod(&key(), pod("1", "", "Pending")).waiting.unwrap();
        cache.assume(&waiting, "a");
        assert_eq!(on_a(&cache), 1);
        let _ = cache.set_pod(&key(), pod("1", "", "Pending"));
        assert_eq!(on_a(&cache), 1);
        let change = cache.set_pod(&key(), pod("1", "a", "Pending"));
        assert!(change.bound.is_some() && change.left.is_none());
        assert_eq!(on_a(&cache), 1);
        assert!(cache.forget(&waiting).is_none());
        let change = cache.set_pod(&key(), pod("1", "a", "Succeeded"));
        assert!(change.left.is_some());
        assert_eq!(on_a(&cache), 0);
    }

    #[test]
    fn a_failed_binding_gives_the_room_back() {
        let mut cache = cache();
        let waiting = cache.set_pod(&key(), pod("1", "", "Pending")).waiting.unwrap();
        cache.assume(&waiting, "a");
        assert!(cache.forget(&waiting).is_some());
        assert_eq!(on_a(&cache), 0);
    }

    #[test]
    fn another_pod_of_the_same_name_is_another_pod() {
        let mut cache = cache();
        let _ = cache.set_pod(&key(), pod("1", "a", "Running"));
        let change = cache.set_pod(&key(), pod("2", "", "Pending"));
        assert!(change.left.is_some() && change.gone.is_some() && change.waiting.is_some());
        assert_eq!(on_a(&cache), 0);
        assert!(cache.set_pod(&key(), None).gone.is_some());
    }

    /// A change of one of three pods: deleted, or with this uid, node and phase.
    fn step() -> impl Strategy<Value = (u8, Option<(u8, u8, bool)>)> {
        (0..3u8, prop::option::of((0..2u8, 0..3u8, any::<bool>())))
    }

    proptest! {
        /// However the changes came, the nodes hold what the last state of each pod says.
        #[test]
        fn nodes_hold_what_the_newest_pods_say(steps in prop::collection::vec(step(), 1..40)) {
            let mut cache = cache();
            let mut newest: BTreeMap<u8, Option<Arc<Pod>>> = BTreeMap::new();
            for (name, state) in steps {
                let key = ObjectKey::new("n", name.to_string());
                let object = state.and_then(|(uid, node, finished)| {
                    let phase = if finished { "Succeeded" } else { "Running" };
                    pod(&format!("{name}-{uid}"), ["", "a", "b"][usize::from(node)], phase)
                });
                let change = cache.set_pod(&key, object.clone());
                if let Some(waiting) = change.waiting {
                    cache.assume(&waiting, "a");
                    cache.forget(&waiting);
                }
                newest.insert(name, object);
            }
            let on = |node: &str| {
                let infos = newest.values().flatten().map(|pod| PodInfo::new(Arc::clone(pod)));
                infos.filter(|pod| pod.node_name() == node && !pod.is_finished()).count() as i64
            };
            prop_assert_eq!(on_a(&cache), on("a"));
            cache.set_node("b", node_named("b"));
            prop_assert_eq!(cache.snapshot().node("b").unwrap().requested.pods, on("b"));
        }
    }
}
