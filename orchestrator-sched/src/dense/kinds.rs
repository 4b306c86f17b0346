//! Pods by what other pods can see of them: namespace, labels, affinity, and whether they leave.
//!
//! Pods of one kind count the same for every spread constraint and every affinity term, so it is
//! enough to know how many of each kind are on a node. Kinds are counted and go with their last
//! pod; a serial number tells a kind from a later one in its place.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use orchestrator_core::scheduler::PodInfo;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;

/// The place of a kind.
pub(super) type KindId = u32;

/// A kind that was found for a pod, as long as it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownKind {
    id: KindId,
    serial: u32,
}

/// Pods that look the same to others.
#[derive(Debug)]
pub(super) struct Kind {
    /// One of them.
    pub pod: Arc<PodInfo>,
    /// Different for every kind that ever was; kinds that came later have higher ones.
    pub serial: u32,
    hash: u64,
    pods: u32,
}

/// The kinds of the pods on all nodes.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    list: Vec<Option<Kind>>,
    free: Vec<KindId>,
    by_hash: FxHashMap<u64, SmallVec<[KindId; 1]>>,
    next_serial: u32,
    /// Those with wishes about other pods, the newest last.
    wishing: Vec<(u32, KindId)>,
}

impl Kinds {
    /// Counts a pod and says of which kind it is.
    pub fn add(&mut self, pod: &Arc<PodInfo>) -> KindId {
        let hash = hash(pod);
        let ids = self.by_hash.entry(hash).or_default();
        for id in ids.iter() {
            let kind = self.list[*id as usize].as_mut().expect("kinds that are named are there");
            if alike(&kind.pod, pod) {
                kind.pods += 1;
                return *id;
            }
        }
        let id = self.free.pop().unwrap_or(self.list.len() as KindId);
        ids.push(id);
        if id as usize == self.list.len() {
            self.list.push(None);
        }
        self.next_serial += 1;
        if pod.affinity.is_some() {
            self.wishing.push((self.next_serial, id));
        }
        let kind = Kind { pod: Arc::clone(pod), serial: self.next_serial, hash, pods: 1 };
        self.list[id as usize] = Some(kind);
        id
    }

    /// The same for a pod whose kind may be known already.
    pub fn add_known(&mut self, pod: &Arc<PodInfo>, known: &mut Option<KnownKind>) -> KindId {
        if let Some(KnownKind { id, serial }) = *known
            && let Some(Some(kind)) = self.list.get_mut(id as usize)
            && kind.serial == serial
        {
            kind.pods += 1;
            return id;
        }
        let id = self.add(pod);
        *known = Some(KnownKind { id, serial: self.get(id).serial });
        id
    }

    /// The kind of a pod that has been counted.
    pub fn find(&self, pod: &PodInfo) -> Option<KindId> {
        let ids = self.by_hash.get(&hash(pod))?;
        ids.iter().copied().find(|id| alike(&self.get(*id).pod, pod))
    }

    /// The same, to be kept.
    pub fn known(&self, pod: &PodInfo) -> Option<KnownKind> {
        self.find(pod).map(|id| KnownKind { id, serial: self.get(id).serial })
    }

    /// Takes note that so many pods of a kind are gone.
    pub fn remove(&mut self, id: KindId, pods: u32) {
        let place = &mut self.list[id as usize];
        let kind = place.as_mut().expect("a pod's kind is there as long as the pod");
        kind.pods -= pods;
        if kind.pods > 0 {
            return;
        }
        let (hash, serial) = (kind.hash, kind.serial);
        if kind.pod.affinity.is_some() {
            self.wishing.retain(|(other, _)| *other != serial);
        }
        *place = None;
        self.free.push(id);
        if let Some(ids) = self.by_hash.get_mut(&hash) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_hash.remove(&hash);
            }
        }
    }

    /// A kind that is there.
    pub fn get(&self, id: KindId) -> &Kind {
        self.list[id as usize].as_ref().expect("a pod's kind is there as long as the pod")
    }

    /// The kinds with wishes about other pods that came after the one with this serial.
    pub fn wishing_since(&self, serial: u32) -> impl Iterator<Item = &Kind> {
        let from = self.wishing.partition_point(|(other, _)| *other <= serial);
        self.wishing[from..].iter().map(|(_, id)| self.get(*id))
    }

    /// Whether any pod has wishes about others.
    pub fn has_wishing(&self) -> bool {
        !self.wishing.is_empty()
    }

    /// The highest serial so far.
    pub fn newest(&self) -> u32 {
        self.next_serial
    }
}

fn hash(pod: &PodInfo) -> u64 {
    let mut hasher = FxHasher::default();
    pod.key.namespace.hash(&mut hasher);
    pod.labels().hash(&mut hasher);
    pod.affinity.is_some().hash(&mut hasher);
    pod.is_terminating().hash(&mut hasher);
    hasher.finish()
}

fn alike(a: &PodInfo, b: &PodInfo) -> bool {
    a.key.namespace == b.key.namespace
        && a.labels() == b.labels()
        && a.is_terminating() == b.is_terminating()
        && (a.affinity.is_none() && b.affinity.is_none() || wishes_alike(a, b))
}

fn wishes_alike(a: &PodInfo, b: &PodInfo) -> bool {
    let affinity = |pod: &PodInfo| {
        let affinity = pod.spec().and_then(|spec| spec.affinity.as_ref());
        affinity.map(|all| (all.pod_affinity.clone(), all.pod_anti_affinity.clone()))
    };
    let shared =
        a.spec().and_then(|s| s.affinity.as_ref()) == b.spec().and_then(|s| s.affinity.as_ref());
    shared || affinity(a) == affinity(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;
    use serde_json::json;

    #[test]
    fn a_kind_lives_as_long_as_its_pods() {
        let mut kinds = Kinds::default();
        let [a, b] = ["a", "b"].map(|name| Arc::new(pod(name, json!({}))));
        let wishing = json!({"affinity": {"podAffinity": {}}});
        let c = Arc::new(pod("c", wishing));
        let (first, second, third) = (kinds.add(&a), kinds.add(&b), kinds.add(&c));
        assert_eq!((first, first == third), (second, false));
        assert_eq!(kinds.wishing_since(0).count(), 1);
        assert_eq!(kinds.wishing_since(kinds.newest()).count(), 0);
        kinds.remove(first, 1);
        assert_eq!(kinds.find(&b), Some(second));
        kinds.remove(second, 1);
        kinds.remove(third, 1);
        assert_eq!((kinds.find(&a), kinds.wishing_since(0).count()), (None, 0));
        assert!(kinds.add(&a) < 2);
    }
}
