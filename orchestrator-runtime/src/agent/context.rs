//! What all parts of one agent share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use orchestrator_client::recorder::reference;
use orchestrator_client::{Api, Client, Informer, Informers, Recorder};
use orchestrator_core::Env;
use orchestrator_core::runtime::Runtime;

use super::pressure::Pressure;
use super::{NodeConfig, Parts};
use crate::plan::NodeFacts;
use crate::volume::Volumes;

/// What all parts of one agent share.
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) client: Client,
    pub(crate) informers: Informers,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) nodes: Informer<k8s_openapi::api::core::v1::Node>,
    pub(crate) node: NodeConfig,
    pub(crate) facts: NodeFacts,
    pub(crate) pressure: Pressure,
    recorder: Recorder,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("node", &self.node.name).finish_non_exhaustive()
    }
}

impl Context {
    pub(super) fn new(node: NodeConfig, parts: Parts) -> Self {
        let client = parts.informers.client().clone();
        let facts =
            NodeFacts { host_ips: node.addresses.clone(), runtime: parts.runtime.info().name };
        Self {
            env: client.env().clone(),
            client,
            informers: parts.informers,
            runtime: parts.runtime,
            nodes: parts.nodes,
            node,
            facts,
            pressure: Pressure::default(),
            recorder: parts.recorder,
        }
    }

    /// The pods of the API.
    pub(super) fn pods(&self) -> Api<Pod> {
        self.client.api()
    }

    /// Whether containers are real, so that they need volumes and an environment.
    pub(super) fn is_real(&self) -> bool {
        self.runtime.info().real
    }

    /// The directories of a pod's volumes.
    pub(super) fn volumes(&self, uid: &str) -> Volumes {
        let isolated = self.runtime.info().isolated;
        Volumes::new(&self.node.volumes_root, uid).isolated(isolated)
    }

    /// What pods may use of the node.
    pub(super) fn allocatable(&self) -> BTreeMap<String, Quantity> {
        let capacity = self.node.capacity.iter();
        capacity.map(|(name, amount)| (name.clone(), Quantity(amount.clone()))).collect()
    }

    /// Reports something expected about a pod, or about one of its containers.
    pub(super) fn normal(&self, pod: &Pod, container: &str, reason: &str, message: String) {
        self.recorder.report(about(pod, container), "Normal", reason, message);
    }

    /// Reports something to look at about a pod, or about one of its containers.
    pub(super) fn warning(&self, pod: &Pod, container: &str, reason: &str, message: String) {
        self.recorder.report(about(pod, container), "Warning", reason, message);
    }
}

fn about(pod: &Pod, container: &str) -> ObjectReference {
    let mut reference = reference(pod);
    if !container.is_empty() {
        let spec = pod.spec.as_ref();
        let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
        let list =
            if init.iter().any(|c| c.name == container) { "initContainers" } else { "containers" };
        reference.field_path = Some(format!("spec.{list}{{{container}}}"));
    }
    reference
}
