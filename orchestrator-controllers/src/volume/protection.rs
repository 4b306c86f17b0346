//! Protection: claims that pods use, and volumes that are bound, are deleted only afterwards.
//!
//! Both are the same loop around a finalizer, with another question: who uses it?

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use orchestrator_client::{Api, Informer, Kind, KindExt, Patch, Selection, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, Object, ObjectKey, Status};
use serde_json::json;

use super::ephemeral;
use super::words::volume_phase;
use crate::deps::ControllerDeps;
use crate::workload::pods::node;

const CLAIM_FINALIZER: &str = "kubernetes.io/pvc-protection";
const VOLUME_FINALIZER: &str = "kubernetes.io/pv-protection";
/// Pods by the claims that they use, as `namespace/name`.
const INDEX_CLAIMS: &str = "claims";

/// Keeps claims that pods use.
#[derive(Debug)]
pub struct ClaimProtection {
    claims: Informer<PersistentVolumeClaim>,
    pods: Informer<Pod>,
    api: Api<PersistentVolumeClaim>,
    pod_api: Api<Pod>,
}

/// Keeps volumes that are bound.
#[derive(Debug)]
pub struct VolumeProtection {
    volumes: Informer<PersistentVolume>,
    api: Api<PersistentVolume>,
}

/// What is to be done about an object's finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Add,
    /// Remove it, if nobody uses the object.
    Remove,
    Nothing,
}

fn step<K: Kind>(object: &K, finalizer: &str) -> Step {
    let finalizers = object.metadata().finalizers.as_deref().unwrap_or_default();
    let has = finalizers.iter().any(|name| name == finalizer);
    match (object.is_terminating(), has) {
        (false, false) => Step::Add,
        (true, true) => Step::Remove,
        _ => Step::Nothing,
    }
}

/// Writes the finalizers of the object, if it is still as the cache shows it.
async fn write<K: Kind>(api: &Api<K>, object: &K, finalizers: Vec<&str>) -> Result<(), Status> {
    let metadata = json!({
        "uid": object.uid(), "resourceVersion": object.metadata().resource_version,
        "finalizers": finalizers,
    });
    let patch = Patch::Merge(json!({"metadata": metadata}));
    match api.patch(&object.key(), patch).await {
        Err(status) if !status.is_not_found() => Err(status),
        _ => Ok(()),
    }
}

async fn add<K: Kind>(api: &Api<K>, object: &K, finalizer: &str) -> Result<(), Status> {
    let present = object.metadata().finalizers.iter().flatten().map(String::as_str);
    write(api, object, present.chain([finalizer]).collect()).await
}

async fn remove<K: Kind>(api: &Api<K>, object: &K, finalizer: &str) -> Result<(), Status> {
    let present = object.metadata().finalizers.iter().flatten().map(String::as_str);
    write(api, object, present.filter(|name| *name != finalizer).collect()).await
}

impl ClaimProtection {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_CLAIMS, claims_of);
        let (api, pod_api) = (deps.client().api(), deps.client().api());
        Self { claims: deps.informers.of(), pods, api, pod_api }
    }

    /// Whether a pod uses a claim: as the cache shows it, and where that shows none, as the API
    /// does.
    async fn is_used(&self, claim: &PersistentVolumeClaim) -> Result<bool, Status> {
        let key = index_value(claim.namespace(), claim.name());
        if self.pods.by_index(INDEX_CLAIMS, &key).iter().any(|pod| uses(pod, claim)) {
            return Ok(true);
        }
        let live = self.pod_api.list(&Selection::namespace(claim.namespace())).await?;
        Ok(live.items.iter().any(|pod| uses(pod, claim)))
    }
}

/// Whether a pod that a node runs, or has run, has the claim as a volume. One without a node
/// does not count: no node starts a pod with a claim that is being deleted.
fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    let spec = pod.spec.as_ref();
    let mut volumes = spec.and_then(|spec| spec.volumes.as_deref()).unwrap_or_default().iter();
    !node(pod).is_empty()
        && volumes.any(|volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
            (Some(source), _) => source.claim_name == claim.name(),
            (None, Some(_)) => {
                ephemeral::claim_name(pod.name(), &volume.name) == claim.name()
                    && ephemeral::is_for(claim, pod)
            }
            _ => false,
        })
}

fn index_value(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// The values of [`INDEX_CLAIMS`].
fn claims_of(pod: &Object) -> Vec<String> {
    let volumes = pod.at(&["spec", "volumes"]).and_then(orchestrator_core::Json::as_array);
    let name = |volume: &orchestrator_core::Json| {
        let source = &volume["persistentVolumeClaim"]["claimName"];
        match source.as_str() {
            Some(name) => Some(name.to_owned()),
            None if volume["ephemeral"].is_object() => {
                Some(ephemeral::claim_name(pod.name(), volume["name"].as_str()?))
            }
            None => None,
        }
    };
    let names = volumes.into_iter().flatten().filter_map(name);
    names.map(|name| index_value(pod.namespace(), &name)).collect()
}

/// The claims of a pod that has changed, as keys.
fn claims_of_pod(change: &Change) -> Vec<ObjectKey> {
    let of = |item: &Item| item.lean().map(|tree| claims_of(&tree)).unwrap_or_default();
    let both = change.old.iter().chain(&change.new).flat_map(of);
    let mut keys: Vec<ObjectKey> = both
        .filter_map(|value| {
            let (namespace, name) = value.split_once('/')?;
            Some(ObjectKey::new(namespace.to_owned(), name.to_owned()))
        })
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[async_trait]
impl Controller for ClaimProtection {
    fn name(&self) -> &str {
        "persistentvolumeclaim-protection"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![
            WatchSpec::own(gvr::<PersistentVolumeClaim>()),
            WatchSpec::new(gvr::<Pod>(), claims_of_pod),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(claim) = self.claims.get(key) else { return Ok(Outcome::Done) };
        match step(&*claim, CLAIM_FINALIZER) {
            Step::Add => add(&self.api, &*claim, CLAIM_FINALIZER).await?,
            Step::Remove if !self.is_used(&claim).await? => {
                remove(&self.api, &*claim, CLAIM_FINALIZER).await?;
            }
            _ => {}
        }
        Ok(Outcome::Done)
    }
}

impl VolumeProtection {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self { volumes: deps.informers.of(), api: deps.client().api() }
    }
}

#[async_trait]
impl Controller for VolumeProtection {
    fn name(&self) -> &str {
        "persistentvolume-protection"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<PersistentVolume>())]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(volume) = self.volumes.get(key) else { return Ok(Outcome::Done) };
        match step(&*volume, VOLUME_FINALIZER) {
            Step::Add => add(&self.api, &*volume, VOLUME_FINALIZER).await?,
            Step::Remove if volume_phase(&volume) != "Bound" => {
                remove(&self.api, &*volume, VOLUME_FINALIZER).await?;
            }
            _ => {}
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::matching::tests::claim;
    use super::*;

    #[test]
    fn a_finalizer_is_added_while_the_object_lives_and_removed_when_it_goes() {
        let claim = |deleted: bool, has: bool| {
            let at = deleted.then_some("2026-01-01T00:00:00Z");
            let finalizers: &[&str] = if has { &[CLAIM_FINALIZER, "x.io/h"] } else { &["x.io/h"] };
            let metadata = json!({"deletionTimestamp": at, "finalizers": finalizers});
            step(&claim(1, json!({"metadata": metadata})), CLAIM_FINALIZER)
        };
        assert_eq!(claim(false, false), Step::Add);
        assert_eq!(claim(true, true), Step::Remove);
        assert_eq!((claim(true, false), claim(false, true)), (Step::Nothing, Step::Nothing));
    }

    #[test]
    fn a_pod_on_a_node_uses_the_claims_that_it_names_and_those_made_for_it() {
        let pod = |node: &str, volume: serde_json::Value| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"namespace": "n", "name": "p", "uid": "uid-p"},
                "spec": {"nodeName": node, "containers": [], "volumes": [volume]}}))
            .unwrap()
        };
        let named = json!({"name": "v", "persistentVolumeClaim": {"claimName": "c"}});
        assert!(uses(&pod("n1", named.clone()), &claim(1, json!({}))));
        assert!(!uses(&pod("", named), &claim(1, json!({}))));
        let own = json!({"name": "v", "ephemeral": {}});
        let made = json!({"metadata": {"name": "p-v", "ownerReferences": [{"apiVersion": "v1",
            "kind": "Pod", "name": "p", "uid": "uid-p", "controller": true}]}});
        assert!(uses(&pod("n1", own.clone()), &claim(1, made)));
        assert!(!uses(&pod("n1", own), &claim(1, json!({"metadata": {"name": "p-v"}}))));
    }
}
