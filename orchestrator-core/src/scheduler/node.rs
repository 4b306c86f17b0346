//! A node as the scheduler sees it: what it has, and what the pods on it take.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint};

use super::pod::{HostPort, PodId, PodInfo};
use super::resources::{self, Resources};

/// A node, its pods and the sums over them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeInfo {
    /// The node's name.
    pub name: Arc<str>,
    /// The object.
    pub node: Arc<Node>,
    /// What pods may take in all.
    pub allocatable: Resources,
    /// What the pods ask for in all; `pods` is their number.
    pub requested: Resources,
    /// The same with defaults for what pods leave out.
    pub scoring_requested: Resources,
    /// The pods here, bound or assumed, in the order in which they came.
    pub pods: Vec<Arc<PodInfo>>,
    /// Those of the pods that want something of the pods around them.
    pub pods_with_affinity: Vec<Arc<PodInfo>>,
    /// The sizes of the images here, by each of their names.
    pub images: BTreeMap<String, i64>,
}

impl NodeInfo {
    /// Reads `node`, without pods.
    pub fn new(node: Arc<Node>) -> Self {
        let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
        Self {
            name: Arc::from(node.metadata.name.as_deref().unwrap_or_default()),
            allocatable: Resources::new(&resources::amounts(allocatable)),
            requested: Resources::default(),
            scoring_requested: Resources::default(),
            pods: Vec::new(),
            pods_with_affinity: Vec::new(),
            images: images(&node),
            node,
        }
    }

    /// Takes over the pods of an earlier reading of the same node.
    #[must_use]
    pub fn with_pods_of(mut self, earlier: &Self) -> Self {
        self.requested = earlier.requested.clone();
        self.scoring_requested = earlier.scoring_requested.clone();
        self.pods = earlier.pods.clone();
        self.pods_with_affinity = earlier.pods_with_affinity.clone();
        self
    }

    /// Adds a pod.
    pub fn add(&mut self, pod: Arc<PodInfo>) {
        self.requested.add(&pod.requests);
        self.requested.pods += 1;
        self.scoring_requested.add(&pod.scoring_requests);
        if pod.affinity.is_some() {
            self.pods_with_affinity.push(Arc::clone(&pod));
        }
        self.pods.push(pod);
    }

    /// Takes a pod away; `None` where it is not here.
    pub fn remove(&mut self, id: &PodId) -> Option<Arc<PodInfo>> {
        let index = self.pods.iter().position(|pod| pod.id == *id)?;
        let pod = self.pods.remove(index);
        if pod.affinity.is_some() {
            self.pods_with_affinity.retain(|other| other.id != pod.id);
        }
        self.requested.subtract(&pod.requests);
        self.requested.pods -= 1;
        self.scoring_requested.subtract(&pod.scoring_requests);
        Some(pod)
    }

    /// The node's labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.node.metadata.labels.as_ref().unwrap_or(&NONE)
    }

    /// The node's taints.
    pub fn taints(&self) -> &[Taint] {
        let spec = self.node.spec.as_ref();
        spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
    }

    /// Whether the node is closed for new pods.
    pub fn is_unschedulable(&self) -> bool {
        self.node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default()
    }

    /// Whether one of `ports` is taken by a pod here.
    pub fn has_port_conflict(&self, ports: &[HostPort]) -> bool {
        let taken = || self.pods.iter().flat_map(|pod| &pod.ports);
        ports.iter().any(|port| taken().any(|taken| taken.conflicts(port)))
    }
}

fn images(node: &Node) -> BTreeMap<String, i64> {
    let images = node.status.as_ref().and_then(|status| status.images.as_ref());
    let named = images.into_iter().flatten().flat_map(|image| {
        let size = image.size_bytes.unwrap_or_default();
        image.names.iter().flatten().map(move |name| (name.clone(), size))
    });
    named.collect()
}
