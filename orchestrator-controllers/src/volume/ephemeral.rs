//! Ephemeral volumes: claims that a pod carries in its own text, and that go with it.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimTemplate, Pod, Volume,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{Api, Informer, KindExt, Recorder, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::deps::ControllerDeps;
use crate::workload::podcontrol::is_namespace_terminating;

/// Makes the claims of ephemeral volumes.
#[derive(Debug)]
pub struct EphemeralVolumeController {
    pods: Informer<Pod>,
    claims: Informer<PersistentVolumeClaim>,
    api: Api<PersistentVolumeClaim>,
    recorder: Recorder,
}

impl EphemeralVolumeController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            pods: deps.informers.of(),
            claims: deps.informers.of(),
            api: deps.client().api(),
            recorder: deps.recorder("ephemeral_volume"),
        }
    }

    async fn create(&self, pod: &Pod, claim: &PersistentVolumeClaim) -> Result<(), Status> {
        match self.api.create(claim).await {
            Ok(_) => Ok(()),
            Err(status) if is_namespace_terminating(&status) => Ok(()),
            Err(status) => {
                let message = format!(
                    "ephemeral volume controller: create PVC {}: {}",
                    claim.name(),
                    status.message
                );
                self.recorder.warning(pod, "EphemeralVolumeFailed", message);
                Err(status)
            }
        }
    }
}

/// The name of the claim of a pod's volume.
pub(super) fn claim_name(pod: &str, volume: &str) -> String {
    format!("{pod}-{volume}")
}

/// Whether a claim was made for this very pod.
pub(super) fn is_for(claim: &PersistentVolumeClaim, pod: &Pod) -> bool {
    claim.controller().is_some_and(|owner| owner.uid == pod.uid())
}

/// The claims that a pod's text asks for.
fn wanted(pod: &Pod) -> Vec<PersistentVolumeClaim> {
    let spec = pod.spec.as_ref();
    let volumes = spec.and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    let claim = |volume: &Volume| {
        let template = volume.ephemeral.as_ref()?.volume_claim_template.as_ref()?;
        Some(made(pod, &volume.name, template))
    };
    volumes.iter().filter_map(claim).collect()
}

fn made(
    pod: &Pod,
    volume: &str,
    template: &PersistentVolumeClaimTemplate,
) -> PersistentVolumeClaim {
    let given = template.metadata.clone().unwrap_or_default();
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            namespace: Some(pod.namespace().into()),
            name: Some(claim_name(pod.name(), volume)),
            labels: given.labels,
            annotations: given.annotations,
            owner_references: Some(vec![pod.controller_reference()]),
            ..ObjectMeta::default()
        },
        spec: Some(template.spec.clone()),
        status: None,
    }
}

#[async_trait]
impl Controller for EphemeralVolumeController {
    fn name(&self) -> &str {
        "ephemeral-volume"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![
            WatchSpec::own(gvr::<Pod>()),
            WatchSpec::owned_by(gvr::<PersistentVolumeClaim>(), "Pod"),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let pod = self.pods.get(key).filter(|pod| !pod.is_terminating());
        let Some(pod) = pod else { return Ok(Outcome::Done) };
        for claim in wanted(&pod) {
            match self.claims.get(&claim.key()) {
                None => self.create(&pod, &claim).await?,
                Some(found) if is_for(&found, &pod) => {}
                Some(found) => {
                    let (name, pod) = (found.key(), pod.key());
                    let why = format!(
                        "PVC {name:?} was not created for pod {pod:?} (pod is not owner)",
                        name = name.to_string(),
                        pod = pod.to_string()
                    );
                    return Err(Status::internal(why));
                }
            }
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_owns_the_claims_in_its_text() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"namespace": "n", "name": "p", "uid": "u"},
            "spec": {"containers": [], "volumes": [
                {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"accessModes": ["ReadWriteOnce"]}}}},
                {"name": "other", "emptyDir": {}}]}}))
        .unwrap();
        let claims = wanted(&pod);
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].key(), ObjectKey::new("n", "p-scratch"));
        assert_eq!(claims[0].label("a"), Some("b"));
        assert!(is_for(&claims[0], &pod));
    }
}
