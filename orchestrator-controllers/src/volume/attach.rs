//! Attaching and detaching: volumes that a driver has to bring to a node are asked for by
//! VolumeAttachments, which the driver's attacher carries out.
//!
//! A node wants the volumes of its pods. Its keys are nodes: what is wanted is compared with what
//! there is, and the node's status tells what has arrived.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{
    AttachedVolume, CSIPersistentVolumeSource, Node, PersistentVolume, PersistentVolumeClaim, Pod,
};
use k8s_openapi::api::storage::v1::{
    CSIDriver, VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, Patch, Recorder, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, Object, ObjectKey, Status};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::ephemeral;
use super::words::volume_name;
use crate::deps::ControllerDeps;
use crate::workload::pods::{INDEX_NODE, is_finished, node_name};

/// The index of attachments by node.
const INDEX_ATTACHED: &str = "attached";

/// Has volumes attached to nodes, and detached.
#[derive(Debug)]
pub struct AttachDetachController {
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    drivers: Informer<CSIDriver>,
    attachments: Informer<VolumeAttachment>,
    node_api: Api<Node>,
    api: Api<VolumeAttachment>,
    recorder: Recorder,
}

/// What a node wants: attachments by name, with the names under which nodes know the volumes.
type Wanted = BTreeMap<String, (VolumeAttachment, String)>;

/// What is to be done for a node.
#[derive(Debug, Default, PartialEq)]
struct Plan {
    create: Vec<VolumeAttachment>,
    delete: Vec<Arc<VolumeAttachment>>,
    /// What the node's status shall say, where it does not.
    attached: Option<Vec<AttachedVolume>>,
}

fn is_attached(attachment: &VolumeAttachment) -> bool {
    attachment.status.as_ref().is_some_and(|status| status.attached)
}

/// Compares what a node wants with what there is. What the node still uses stays.
fn plan(node: &Node, wanted: &Wanted, present: &[Arc<VolumeAttachment>]) -> Plan {
    let status = node.status.clone().unwrap_or_default();
    let in_use = status.volumes_in_use.unwrap_or_default();
    let has = |name: &str| present.iter().any(|attachment| attachment.name() == name);
    let told = status.volumes_attached.unwrap_or_default();
    let mut attached: Vec<AttachedVolume> = wanted
        .iter()
        .filter(|(name, _)| present.iter().any(|a| a.name() == *name && is_attached(a)))
        .map(|(_, (_, volume))| AttachedVolume { name: volume.clone(), device_path: String::new() })
        .collect();
    let kept = told.iter().filter(|volume| {
        in_use.contains(&volume.name) && !attached.iter().any(|other| other.name == volume.name)
    });
    let kept: Vec<_> = kept.cloned().collect();
    attached.extend(kept);
    attached.sort_by(|a, b| a.name.cmp(&b.name));
    let missing = wanted.iter().filter(|(name, _)| !has(name));
    // A volume leaves the node's status before it is taken away.
    let settled = told.len() == attached.len() && told.iter().all(|v| attached.contains(v));
    let surplus = present.iter().filter(|attachment| {
        settled && !wanted.contains_key(attachment.name()) && !attachment.is_terminating()
    });
    Plan {
        create: missing.map(|(_, (attachment, _))| attachment.clone()).collect(),
        delete: surplus.filter(|_| in_use.is_empty()).cloned().collect(),
        attached: (!settled).then_some(attached),
    }
}

/// The attachment of a volume to a node, under a name that follows from both.
fn attachment(source: &CSIPersistentVolumeSource, volume: &str, node: &str) -> VolumeAttachment {
    let digest = Sha256::digest(format!("{}{}{node}", source.volume_handle, source.driver));
    let mut name = String::from("csi-");
    for byte in digest {
        write!(name, "{byte:02x}").expect("a string takes all text");
    }
    VolumeAttachment {
        metadata: ObjectMeta { name: Some(name), ..ObjectMeta::default() },
        spec: VolumeAttachmentSpec {
            attacher: source.driver.clone(),
            node_name: node.into(),
            source: VolumeAttachmentSource {
                persistent_volume_name: Some(volume.into()),
                ..VolumeAttachmentSource::default()
            },
        },
        status: None,
    }
}

impl AttachDetachController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_NODE, node_name);
        let attachments = deps.informers.of::<VolumeAttachment>();
        attachments.add_index(INDEX_ATTACHED, |object: &Object| node_name(object));
        Self {
            pods,
            nodes: deps.informers.of(),
            claims: deps.informers.of(),
            volumes: deps.informers.of(),
            drivers: deps.informers.of(),
            attachments,
            node_api: deps.client().api(),
            api: deps.client().api(),
            recorder: deps.recorder("attachdetach-controller"),
        }
    }

    /// What a node wants, by its pods.
    fn wanted(&self, node: &str) -> Wanted {
        let mut wanted = Wanted::new();
        for pod in self.pods.by_index(INDEX_NODE, node).iter().filter(|pod| !is_finished(pod)) {
            for claim in claims_of(pod) {
                let Some((volume, source)) = self.source(pod.namespace(), &claim) else { continue };
                let wants = attachment(&source, &volume, node);
                let known = format!("kubernetes.io/csi/{}^{}", source.driver, source.volume_handle);
                wanted.insert(wants.name().to_owned(), (wants, known));
            }
        }
        wanted
    }

    /// The volume of a claim, where a driver has to bring it to the node.
    fn source(&self, namespace: &str, claim: &str) -> Option<(String, CSIPersistentVolumeSource)> {
        let claim = self.claims.get(&ObjectKey::new(namespace.to_owned(), claim.to_owned()))?;
        let volume = self.volumes.get(&ObjectKey::cluster(volume_name(&claim).to_owned()))?;
        let source = volume.spec.as_ref()?.csi.clone()?;
        let driver = self.drivers.get(&ObjectKey::cluster(source.driver.clone()));
        let needs = driver.is_none_or(|driver| driver.spec.attach_required != Some(false));
        needs.then(|| (volume.name().to_owned(), source))
    }

    /// Tells the pods that wait for a volume that it has arrived.
    fn tell(&self, node: &str, wanted: &Wanted, before: &[AttachedVolume], now: &[AttachedVolume]) {
        let new = |name: &str| {
            now.iter().any(|v| v.name == name) && !before.iter().any(|v| v.name == name)
        };
        for (attachment, known) in wanted.values().filter(|(_, known)| new(known)) {
            let volume = attachment.spec.source.persistent_volume_name.as_deref();
            for pod in self.pods.by_index(INDEX_NODE, node) {
                let uses = claims_of(&pod).iter().any(|claim| {
                    let found = self.source(pod.namespace(), claim);
                    found.is_some_and(|(name, _)| Some(name.as_str()) == volume)
                });
                if uses {
                    let name = volume.unwrap_or(known);
                    let message = format!("AttachVolume.Attach succeeded for volume \"{name}\" ");
                    self.recorder.normal(&*pod, "SuccessfulAttachVolume", message);
                }
            }
        }
    }
}

/// The claims that a pod has as volumes.
fn claims_of(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    let claim = |volume: &k8s_openapi::api::core::v1::Volume| match (
        &volume.persistent_volume_claim,
        &volume.ephemeral,
    ) {
        (Some(source), _) => Some(source.claim_name.clone()),
        (None, Some(_)) => Some(ephemeral::claim_name(pod.name(), &volume.name)),
        _ => None,
    };
    volumes.iter().filter_map(claim).collect()
}

/// The node of a pod or an attachment that has changed.
fn node_of(change: &Change) -> Vec<ObjectKey> {
    let of = |item: &Item| item.lean().map(|tree| node_name(&tree)).unwrap_or_default();
    let mut nodes: Vec<String> = change.old.iter().chain(&change.new).flat_map(of).collect();
    nodes.dedup();
    nodes.into_iter().map(ObjectKey::cluster).collect()
}

/// The nodes of the pods that use a claim that has changed.
fn users_of(pods: &Informer<Pod>, change: &Change) -> Vec<ObjectKey> {
    let Some(key) = change.new.as_ref().map(Item::key) else { return Vec::new() };
    let users = pods
        .namespace(&key.namespace)
        .into_iter()
        .filter(|pod| claims_of(pod).iter().any(|claim| *claim == *key.name));
    let nodes = users.map(|pod| crate::workload::pods::node(&pod).to_owned());
    nodes.filter(|node| !node.is_empty()).map(ObjectKey::cluster).collect()
}

#[async_trait]
impl Controller for AttachDetachController {
    fn name(&self) -> &str {
        "persistentvolume-attach-detach"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let pods = self.pods.clone();
        vec![
            WatchSpec::new(gvr::<Pod>(), node_of),
            WatchSpec::new(gvr::<VolumeAttachment>(), node_of),
            WatchSpec::new(gvr::<PersistentVolumeClaim>(), move |c| users_of(&pods, c)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let present = self.attachments.by_index(INDEX_ATTACHED, &key.name);
        let (node, wanted) = match self.nodes.get(key) {
            Some(node) => (node, self.wanted(&key.name)),
            // A node that is gone uses nothing.
            None => (Arc::default(), Wanted::new()),
        };
        let plan = plan(&node, &wanted, &present);
        for attachment in &plan.create {
            match self.api.create(attachment).await {
                Err(status) if !status.is_already_exists() => return Err(status),
                _ => {}
            }
        }
        for attachment in &plan.delete {
            let options = DeleteOptions::uid(attachment.uid());
            match self.api.delete(&attachment.key(), &options).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        if let Some(attached) = plan.attached.filter(|_| !node.name().is_empty()) {
            let patch = json!({"metadata": {"uid": node.uid()},
                "status": {"volumesAttached": attached}});
            self.node_api.patch_status(key, Patch::Merge(patch)).await?;
            let before = node.status.as_ref().and_then(|status| status.volumes_attached.as_deref());
            self.tell(&key.name, &wanted, before.unwrap_or_default(), &attached);
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(handle: &str) -> CSIPersistentVolumeSource {
        CSIPersistentVolumeSource {
            driver: "d.example".into(),
            volume_handle: handle.into(),
            ..CSIPersistentVolumeSource::default()
        }
    }

    #[test]
    fn a_volume_is_asked_for_told_and_given_back() {
        let wants = attachment(&source("h"), "pv", "n");
        let name = wants.name().to_owned();
        let known = "kubernetes.io/csi/d.example^h";
        let wanted: Wanted = [(name.clone(), (wants.clone(), known.to_owned()))].into();
        let node = |status: serde_json::Value| -> Node {
            serde_json::from_value(json!({"metadata": {"name": "n"}, "status": status})).unwrap()
        };
        let attached = |yes: bool| {
            let mut attachment = wants.clone();
            attachment.status.get_or_insert_default().attached = yes;
            vec![Arc::new(attachment)]
        };
        assert_eq!(plan(&node(json!({})), &wanted, &[]).create.len(), 1);
        assert_eq!(plan(&node(json!({})), &wanted, &attached(false)), Plan::default());
        let told = plan(&node(json!({})), &wanted, &attached(true)).attached.unwrap();
        assert_eq!(told[0].name, known);
        let has = json!({"volumesAttached": [{"name": known, "devicePath": ""}]});
        assert_eq!(plan(&node(has.clone()), &wanted, &attached(true)), Plan::default());
        let first = plan(&node(has), &Wanted::new(), &attached(true));
        assert_eq!((first.delete.len(), first.attached), (0, Some(vec![])));
        let then = plan(&node(json!({})), &Wanted::new(), &attached(true));
        assert_eq!((then.delete.len(), then.attached), (1, None));
        let used = json!({"volumesInUse": [known],
            "volumesAttached": [{"name": known, "devicePath": ""}]});
        assert_eq!(plan(&node(used), &Wanted::new(), &attached(true)), Plan::default());
    }
}
