//! Expansion: a bound claim that asks for more than it has gets it, where this process can give
//! it, or is left to whoever made its volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Amount;
use orchestrator_client::{Api, Informer, KindExt, Recorder, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Quantity, Status};

use super::provision::Provisioner;
use super::words::{PROVISIONED_BY, capacity, claim_phase, requested, volume_name};
use crate::deps::ControllerDeps;

/// Lets claims grow.
#[derive(Debug)]
pub struct ExpansionController {
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    claim_api: Api<PersistentVolumeClaim>,
    volume_api: Api<PersistentVolume>,
    provisioners: Vec<Arc<dyn Provisioner>>,
    recorder: Recorder,
}

/// What is to be done about a claim's size.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// It has what it asks for.
    Nothing,
    /// Its volume is to be this large, and then the claim is.
    Grow(Quantity),
    /// Somebody else has to.
    Leave,
}

fn step(claim: &PersistentVolumeClaim, volume: &PersistentVolume, ours: bool) -> Step {
    let wanted = requested(claim);
    let status = claim.status.as_ref().and_then(|status| status.capacity.as_ref());
    let has = status.and_then(|amounts| amounts.get("storage")?.0.parse::<Quantity>().ok());
    if claim_phase(claim) != "Bound" || has.is_none_or(|has| wanted <= has) {
        return Step::Nothing;
    }
    if ours { Step::Grow(wanted.max(capacity(volume))) } else { Step::Leave }
}

fn storage(size: &Quantity) -> BTreeMap<String, Amount> {
    [("storage".to_owned(), Amount(size.to_string()))].into()
}

impl ExpansionController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            claims: deps.informers.of(),
            volumes: deps.informers.of(),
            claim_api: deps.client().api(),
            volume_api: deps.client().api(),
            provisioners: deps.config.provisioners.clone(),
            recorder: deps.recorder("volume_expand"),
        }
    }

    /// Directories have no size of their own, so that a volume of ours grows by saying so.
    async fn grow(
        &self,
        claim: &PersistentVolumeClaim,
        volume: &PersistentVolume,
        size: &Quantity,
    ) -> Result<(), Status> {
        if capacity(volume) < *size {
            let mut volume = volume.clone();
            volume.spec.get_or_insert_default().capacity = Some(storage(size));
            self.volume_api.update(&volume).await?;
        }
        let mut claim = claim.clone();
        claim.status.get_or_insert_default().capacity = Some(storage(size));
        self.claim_api.update_status(&claim).await?;
        Ok(())
    }
}

#[async_trait]
impl Controller for ExpansionController {
    fn name(&self) -> &str {
        "persistentvolume-expander"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<PersistentVolumeClaim>())]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(claim) = self.claims.get(key) else { return Ok(Outcome::Done) };
        let volume = self.volumes.get(&ObjectKey::cluster(volume_name(&claim).to_owned()));
        let Some(volume) = volume else { return Ok(Outcome::Done) };
        let maker = volume.annotation(PROVISIONED_BY);
        let ours = self.provisioners.iter().any(|p| Some(p.name()) == maker);
        match step(&claim, &volume, ours) {
            Step::Nothing => {}
            Step::Grow(size) => self.grow(&claim, &volume, &size).await?,
            Step::Leave => {
                let message = "waiting for an external controller to expand this PVC";
                self.recorder.normal(&*claim, "ExternalExpanding", message);
            }
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::matching::tests::{claim, volume};
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_bound_claim_that_asks_for_more_grows() {
        let step = |asks: u32, has: &str, phase: &str, ours: bool| {
            let status = json!({"status": {"phase": phase, "capacity": {"storage": has}}});
            step(&claim(asks, status), &volume("v", 1, json!({})), ours)
        };
        let gib = |size: u32| format!("{size}Gi").parse::<Quantity>().unwrap();
        assert_eq!(step(3, "1Gi", "Bound", true), Step::Grow(gib(3)));
        assert_eq!(step(3, "1Gi", "Bound", false), Step::Leave);
        assert_eq!(step(3, "3Gi", "Bound", true), Step::Nothing);
        assert_eq!(step(3, "1Gi", "Pending", true), Step::Nothing);
    }
}
