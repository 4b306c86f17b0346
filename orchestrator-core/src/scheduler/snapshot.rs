//! The cluster as one decision sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;

use super::group::{PodGroup, PodGroups};
use super::node::NodeInfo;
use super::pod::{PodId, PodInfo};
use super::storage::Storage;
use crate::ObjectKey;

/// Labels by name.
type Labels = BTreeMap<String, String>;

/// A pod and the node that it was promised room on.
type Promise = (Arc<PodInfo>, Arc<str>);

/// Nodes, the pods on them and the pods that were promised a node.
///
/// A clone shares everything and is frozen: a change of one copies what it touches, and only
/// where somebody else still holds it. So the owner of the newest snapshot changes it in place,
/// and a what-if costs one clone.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use orchestrator_core::scheduler::{PodInfo, Snapshot};
/// let mut now = Snapshot::default();
/// let node = serde_json::from_value(serde_json::json!({"metadata": {"name": "a"}}))?;
/// now.set_node(Arc::new(node));
/// let mut what_if = now.clone();
/// what_if.assume(Arc::new(PodInfo::new(Arc::default())), "a");
/// assert_eq!((now.nodes()[0].pods.len(), what_if.nodes()[0].pods.len()), (0, 1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By name.
    nodes: Arc<Vec<Arc<NodeInfo>>>,
    /// Pods on nodes that are not known (yet), by node.
    strays: Arc<BTreeMap<Arc<str>, Vec<Arc<PodInfo>>>>,
    /// How many nodes have an image, by its name.
    image_nodes: Arc<BTreeMap<String, usize>>,
    /// Pods that wait for room that others are leaving.
    nominated: Arc<BTreeMap<PodId, Promise>>,
    /// The labels of namespaces.
    namespaces: Arc<BTreeMap<String, Labels>>,
    /// Pods that belong together.
    groups: Arc<PodGroups>,
    /// Volumes, and claims to them.
    storage: Arc<Storage>,
}

impl Snapshot {
    /// The nodes, in the order of their names.
    pub fn nodes(&self) -> &[Arc<NodeInfo>] {
        &self.nodes
    }

    /// The node `name`.
    pub fn node(&self, name: &str) -> Option<&Arc<NodeInfo>> {
        self.position(name).ok().map(|index| &self.nodes[index])
    }

    /// Adds a node, or replaces what is known of it; its pods stay.
    pub fn set_node(&mut self, node: Arc<Node>) {
        let mut info = NodeInfo::new(node);
        match self.position(&info.name) {
            Ok(index) => {
                let earlier = Arc::clone(&self.nodes[index]);
                if earlier.images != info.images {
                    self.count_images(&earlier.images, usize::wrapping_sub);
                    self.count_images(&info.images, usize::wrapping_add);
                }
                let info = info.with_pods_of(&earlier);
                Arc::make_mut(&mut self.nodes)[index] = Arc::new(info);
            }
            Err(index) => {
                self.count_images(&info.images, usize::wrapping_add);
                if self.strays.contains_key(&info.name) {
                    let strays = Arc::make_mut(&mut self.strays).remove(&info.name);
                    strays.into_iter().flatten().for_each(|pod| info.add(pod));
                }
                Arc::make_mut(&mut self.nodes).insert(index, Arc::new(info));
            }
        }
    }

    /// Takes a node away; its pods are remembered for its return.
    pub fn remove_node(&mut self, name: &str) {
        let Ok(index) = self.position(name) else { return };
        let info = Arc::make_mut(&mut self.nodes).remove(index);
        self.count_images(&info.images, usize::wrapping_sub);
        if !info.pods.is_empty() {
            Arc::make_mut(&mut self.strays).insert(Arc::clone(&info.name), info.pods.clone());
        }
    }

    /// Puts a pod on a node, known or not: bound there, or assumed to be soon.
    pub fn assume(&mut self, pod: Arc<PodInfo>, node: &str) {
        match self.position(node) {
            Ok(index) => Arc::make_mut(&mut Arc::make_mut(&mut self.nodes)[index]).add(pod),
            Err(_) => Arc::make_mut(&mut self.strays).entry(Arc::from(node)).or_default().push(pod),
        }
    }

    /// Takes a pod off a node; `None` where it is not there.
    pub fn forget(&mut self, id: &PodId, node: &str) -> Option<Arc<PodInfo>> {
        if let Ok(index) = self.position(node) {
            return Arc::make_mut(&mut Arc::make_mut(&mut self.nodes)[index]).remove(id);
        }
        let strays = Arc::make_mut(&mut self.strays);
        let pods = strays.get_mut(node)?;
        let pod = pods.remove(pods.iter().position(|pod| pod.id == *id)?);
        if pods.is_empty() {
            strays.remove(node);
        }
        Some(pod)
    }

    /// Promises room on a node to a waiting pod.
    pub fn nominate(&mut self, pod: Arc<PodInfo>, node: &str) {
        Arc::make_mut(&mut self.nominated).insert(pod.id.clone(), (pod, Arc::from(node)));
    }

    /// Takes a promise back.
    pub fn withdraw(&mut self, id: &PodId) {
        if self.nominated.contains_key(id) {
            Arc::make_mut(&mut self.nominated).remove(id);
        }
    }

    /// The pods that were promised room on `node`.
    pub fn nominated(&self, node: &str) -> impl Iterator<Item = &Arc<PodInfo>> {
        self.nominated.values().filter(move |(_, on)| **on == *node).map(|(pod, _)| pod)
    }

    /// Whether any pod was promised room.
    pub fn has_nominations(&self) -> bool {
        !self.nominated.is_empty()
    }

    /// How many nodes have the image `name`.
    pub fn nodes_with_image(&self, name: &str) -> usize {
        self.image_nodes.get(name).copied().unwrap_or_default()
    }

    /// The labels of a namespace; `None` where it is not known.
    pub fn namespace(&self, name: &str) -> Option<&Labels> {
        self.namespaces.get(name)
    }

    /// Sets the labels of a namespace; `None` takes it away.
    pub fn set_namespace(&mut self, name: &str, labels: Option<Labels>) {
        let namespaces = Arc::make_mut(&mut self.namespaces);
        match labels {
            Some(labels) => namespaces.insert(name.to_owned(), labels),
            None => namespaces.remove(name),
        };
    }

    /// Sets the pods that the object `key` of `kind` selects; `None` takes it away.
    pub fn set_group(&mut self, kind: &str, key: &ObjectKey, group: Option<PodGroup>) {
        Arc::make_mut(&mut self.groups).set(kind, key, group);
    }

    /// The pods that the object `key` of `kind` selects.
    pub fn group(&self, kind: &str, key: &ObjectKey) -> Option<&PodGroup> {
        self.groups.get(kind, key)
    }

    /// The groups that objects of `kind` make in a namespace, in the order of their names.
    pub fn groups<'a>(
        &'a self,
        kind: &'a str,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a PodGroup> {
        self.groups.of(kind, namespace)
    }

    /// The volumes.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The volumes, to be changed.
    pub fn storage_mut(&mut self) -> &mut Storage {
        Arc::make_mut(&mut self.storage)
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.nodes.binary_search_by(|node| (*node.name).cmp(name))
    }

    fn count_images(&mut self, images: &BTreeMap<String, i64>, change: fn(usize, usize) -> usize) {
        if images.is_empty() {
            return;
        }
        let counts = Arc::make_mut(&mut self.image_nodes);
        for name in images.keys() {
            let count = counts.entry(name.clone()).or_default();
            *count = change(*count, 1);
            if *count == 0 {
                counts.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, image: &str) -> Arc<Node> {
        let status = json!({"images": [{"names": [image], "sizeBytes": 1}]});
        let node = json!({"metadata": {"name": name}, "status": status});
        Arc::new(serde_json::from_value(node).unwrap())
    }

    fn pod(name: &str) -> Arc<PodInfo> {
        let requests = json!({"cpu": "1"});
        let pod = json!({"metadata": {"name": name, "namespace": "n"}, "spec": {
            "containers": [{"name": "c", "resources": {"requests": requests}}]}});
        Arc::new(PodInfo::new(Arc::new(serde_json::from_value(pod).unwrap())))
    }

    #[test]
    fn pods_that_come_before_their_node_are_counted_when_it_comes() {
        let mut snapshot = Snapshot::default();
        snapshot.assume(pod("a"), "n1");
        snapshot.set_node(node("n2", "i"));
        snapshot.set_node(node("n1", "i"));
        assert_eq!(snapshot.node("n1").unwrap().requested.cpu_milli, 1000);
        snapshot.set_node(node("n1", "j"));
        assert_eq!(snapshot.node("n1").unwrap().requested.pods, 1);
        assert_eq!((snapshot.nodes_with_image("i"), snapshot.nodes_with_image("j")), (1, 1));
        snapshot.remove_node("n1");
        assert_eq!(snapshot.nodes().len(), 1);
        assert!(snapshot.forget(&pod("a").id, "n1").is_some());
        snapshot.set_node(node("n1", "i"));
        assert!(snapshot.node("n1").unwrap().pods.is_empty());
    }

    #[test]
    fn a_clone_is_frozen() {
        let mut now = Snapshot::default();
        now.set_node(node("n1", "i"));
        let before = now.clone();
        now.assume(pod("a"), "n1");
        now.nominate(pod("b"), "n1");
        assert_eq!(before.node("n1").unwrap().requested.cpu_milli, 0);
        assert!(!before.has_nominations());
        assert_eq!(now.nominated("n1").count(), 1);
        assert!(now.forget(&pod("a").id, "n1").is_some());
        assert!(now.forget(&pod("a").id, "n1").is_none());
        assert_eq!(now.node("n1").unwrap().requested, Default::default());
    }
}
