//! Claims of devices: those that pods ask for by template are made for them, and a claim knows
//! which pods use it.
//!
//! A claim that was made for a pod goes with it. One that several pods share is given back by
//! each pod that ends, and by its last user altogether.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Pod, PodResourceClaim, PodResourceClaimStatus};
use k8s_openapi::api::resource::v1::{
    ResourceClaim, ResourceClaimConsumerReference, ResourceClaimStatus, ResourceClaimTemplate,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{Api, INDEX_OWNER, Informer, KindExt, Patch, Recorder, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, ObjectKey, Status};
use serde_json::json;

use crate::deps::ControllerDeps;
use crate::workload::podcontrol::is_namespace_terminating;
use crate::workload::pods::is_finished;

/// The annotation of a claim with the name that its pod gives it.
const POD_CLAIM_NAME: &str = "resource.kubernetes.io/pod-claim-name";
/// What stands before the name in a key that is a claim's; other keys are pods'.
const CLAIM_KEY: &str = "claim:";

/// Makes the claims of pods and gives them back.
#[derive(Debug)]
pub struct ResourceClaimController {
    pods: Informer<Pod>,
    claims: Informer<ResourceClaim>,
    templates: Informer<ResourceClaimTemplate>,
    pod_api: Api<Pod>,
    claim_api: Api<ResourceClaim>,
    recorder: Recorder,
}

impl ResourceClaimController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            pods: deps.informers.of(),
            claims: deps.informers.of(),
            templates: deps.informers.of(),
            pod_api: deps.client().api(),
            claim_api: deps.client().api(),
            recorder: deps.recorder("resource_claim"),
        }
    }

    /// Makes what a pod asks for by template, and tells the pod the names.
    async fn run_pod(&self, pod: &Pod) -> Result<(), Status> {
        if pod.is_terminating() || is_finished(pod) {
            return Ok(());
        }
        let mut names = BTreeMap::new();
        for wanted in claims_of(pod) {
            let Some(template) = &wanted.resource_claim_template_name else { continue };
            if let Some(name) = self.claim_name(pod, wanted, template).await? {
                names.insert(wanted.name.clone(), name);
            }
        }
        let told = told(pod);
        if names.iter().all(|(claim, name)| told.get(claim) == Some(name)) {
            return Ok(());
        }
        let statuses = names
            .into_iter()
            .map(|(name, claim)| PodResourceClaimStatus { name, resource_claim_name: Some(claim) });
        let statuses: Vec<_> = statuses.collect();
        let patch = json!({"metadata": {"uid": pod.uid()},
            "status": {"resourceClaimStatuses": statuses}});
        match self.pod_api.patch_status(&pod.key(), Patch::Strategic(patch)).await {
            Err(status) if !status.is_not_found() && !status.is_conflict() => Err(status),
            _ => Ok(()),
        }
    }

    /// The name of the claim that was made, or is made now, for a pod; none where the template is
    /// missing.
    async fn claim_name(
        &self,
        pod: &Pod,
        wanted: &PodResourceClaim,
        template: &str,
    ) -> Result<Option<String>, Status> {
        let owned = self.claims.by_index(INDEX_OWNER, pod.uid());
        let made =
            |claim: &&Arc<ResourceClaim>| claim.annotation(POD_CLAIM_NAME) == Some(&wanted.name);
        if let Some(claim) = owned.iter().find(made) {
            return Ok(Some(claim.name().to_owned()));
        }
        let key = ObjectKey::new(pod.namespace().to_owned(), template.to_owned());
        let Some(template) = self.templates.get(&key) else {
            let message = format!(
                "PodResourceClaim {}: resource claim template {:?}: resourceclaimtemplate.resource.k8s.io {:?} not found",
                wanted.name, key.name, key.name
            );
            self.recorder.warning(pod, "FailedResourceClaimCreation", message);
            return Ok(None);
        };
        match self.claim_api.create(&made_from(pod, wanted, &template)).await {
            Ok(claim) => Ok(Some(claim.name().to_owned())),
            Err(status) if is_namespace_terminating(&status) => Ok(None),
            Err(status) => {
                let message = format!("PodResourceClaim {}: {}", wanted.name, status.message);
                self.recorder.warning(pod, "FailedResourceClaimCreation", message);
                Err(status)
            }
        }
    }

    /// Takes a claim from the pods that do not use it any more.
    async fn run_claim(&self, claim: &ResourceClaim) -> Result<(), Status> {
        let mut gone = Vec::new();
        for user in reserved(claim).iter().filter(|user| user.resource == "pods") {
            if !self.uses(claim.namespace(), user).await? {
                gone.push(user.uid.clone());
            }
        }
        let Some(status) = given_back(claim, &gone) else { return Ok(()) };
        let claim = ResourceClaim { status: Some(status), ..claim.clone() };
        self.claim_api.update_status(&claim).await.map(drop)
    }

    /// Whether a user is a pod that is there and has not ended; where the cache shows none, the
    /// API is asked.
    async fn uses(
        &self,
        namespace: &str,
        user: &ResourceClaimConsumerReference,
    ) -> Result<bool, Status> {
        let key = ObjectKey::new(namespace.to_owned(), user.name.clone());
        let known = self.pods.get(&key).filter(|pod| pod.uid() == user.uid);
        let pod = match known {
            Some(pod) => Some(pod),
            None => self.pod_api.find(&key).await?.filter(|pod| pod.uid() == user.uid),
        };
        Ok(pod.is_some_and(|pod| !is_finished(&pod)))
    }
}

fn claims_of(pod: &Pod) -> &[PodResourceClaim] {
    pod.spec.as_ref().and_then(|spec| spec.resource_claims.as_deref()).unwrap_or_default()
}

/// The names that a pod was told, by the names that it gives its claims.
fn told(pod: &Pod) -> BTreeMap<String, String> {
    let statuses = pod.status.as_ref().and_then(|status| status.resource_claim_statuses.clone());
    let pair = |status: PodResourceClaimStatus| Some((status.name, status.resource_claim_name?));
    statuses.into_iter().flatten().filter_map(pair).collect()
}

fn made_from(
    pod: &Pod,
    wanted: &PodResourceClaim,
    template: &ResourceClaimTemplate,
) -> ResourceClaim {
    let given = template.spec.metadata.clone().unwrap_or_default();
    let mut annotations = given.annotations.unwrap_or_default();
    annotations.insert(POD_CLAIM_NAME.into(), wanted.name.clone());
    ResourceClaim {
        metadata: ObjectMeta {
            namespace: Some(pod.namespace().into()),
            generate_name: Some(format!("{}-{}-", pod.name(), wanted.name)),
            labels: given.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![pod.controller_reference()]),
            ..ObjectMeta::default()
        },
        spec: template.spec.spec.clone(),
        status: None,
    }
}

fn reserved(claim: &ResourceClaim) -> &[ResourceClaimConsumerReference] {
    let status = claim.status.as_ref();
    status.and_then(|status| status.reserved_for.as_deref()).unwrap_or_default()
}

/// The status without the users with these uids; with its last user a claim gives its devices
/// back. `None` where nothing changes.
fn given_back(claim: &ResourceClaim, gone: &[String]) -> Option<ResourceClaimStatus> {
    let mut status = claim.status.clone()?;
    let users = status.reserved_for.get_or_insert_default();
    let before = users.len();
    users.retain(|user| !gone.contains(&user.uid));
    if users.len() == before {
        return None;
    }
    if users.is_empty() {
        status.reserved_for = None;
        status.allocation = None;
    }
    Some(status)
}

fn claim_key(key: ObjectKey) -> ObjectKey {
    ObjectKey::new(key.namespace, format!("{CLAIM_KEY}{}", key.name))
}

/// A pod, and the claims that it may have used.
fn of_pod(claims: &Informer<ResourceClaim>, change: &Change) -> Vec<ObjectKey> {
    let Some(item) = change.item() else { return Vec::new() };
    let Ok(pod) = item.typed::<Pod>() else { return Vec::new() };
    if claims_of(&pod).is_empty() {
        return Vec::new();
    }
    let used = claims
        .namespace(pod.namespace())
        .into_iter()
        .filter(|claim| reserved(claim).iter().any(|user| user.uid == pod.uid()));
    let own = change.new.as_ref().map(Item::key);
    own.into_iter().chain(used.map(|claim| claim_key(claim.key()))).collect()
}

/// The pods that wait for a template that has come.
fn of_template(pods: &Informer<Pod>, change: &Change) -> Vec<ObjectKey> {
    let Some(key) = change.new.as_ref().map(Item::key) else { return Vec::new() };
    let asks = |claim: &PodResourceClaim| {
        claim.resource_claim_template_name.as_deref() == Some(&*key.name)
    };
    let waiting = pods.namespace(&key.namespace);
    waiting.iter().filter(|pod| claims_of(pod).iter().any(asks)).map(|pod| pod.key()).collect()
}

#[async_trait]
impl Controller for ResourceClaimController {
    fn name(&self) -> &str {
        "resourceclaim"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let (claims, pods) = (self.claims.clone(), self.pods.clone());
        vec![
            WatchSpec::new(gvr::<Pod>(), move |change| of_pod(&claims, change)),
            WatchSpec::new(gvr::<ResourceClaim>(), |change| {
                change.new.as_ref().map(|item| claim_key(item.key())).into_iter().collect()
            }),
            WatchSpec::owned_by(gvr::<ResourceClaim>(), "Pod"),
            WatchSpec::new(gvr::<ResourceClaimTemplate>(), move |c| of_template(&pods, c)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        match key.name.strip_prefix(CLAIM_KEY) {
            Some(name) => {
                let key = ObjectKey::new(key.namespace.clone(), name.to_owned());
                if let Some(claim) = self.claims.get(&key) {
                    self.run_claim(&claim).await?;
                }
            }
            None => {
                if let Some(pod) = self.pods.get(key) {
                    self.run_pod(&pod).await?;
                }
            }
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_user_gives_the_devices_back() {
        let claim = |users: &[&str]| -> ResourceClaim {
            let users: Vec<_> = users
                .iter()
                .map(|uid| json!({"resource": "pods", "name": uid, "uid": uid}))
                .collect();
            serde_json::from_value(json!({"metadata": {}, "spec": {},
                "status": {"allocation": {}, "reservedFor": users}}))
            .unwrap()
        };
        let after = |users: &[&str], gone: &[&str]| {
            let gone: Vec<String> = gone.iter().map(|uid| (*uid).to_owned()).collect();
            given_back(&claim(users), &gone).map(|status| {
                (status.reserved_for.unwrap_or_default().len(), status.allocation.is_some())
            })
        };
        assert_eq!(after(&["a", "b"], &["a"]), Some((1, true)));
        assert_eq!(after(&["a", "b"], &["a", "b"]), Some((0, false)));
        assert_eq!(after(&["a"], &["x"]), None);
        assert_eq!(after(&[], &[]), None);
    }
}
