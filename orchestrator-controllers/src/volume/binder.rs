//! The binder: carries out what the plans of claims and volumes say.
//!
//! Its keys are claims, and volumes, which have no namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, Recorder, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, Object, ObjectKey, Status};

use super::claim_plan::{self, ClaimStep, ClaimView, Note};
use super::provision::{ProvisionRequest, Provisioner};
use super::volume_plan::{self, Reclaim, VolumeStep};
use super::words::{
    BIND_COMPLETED, PROVISIONED_BY, STORAGE_PROVISIONER, claim_class, claim_phase, claim_ref,
    is_default_class, volume_name, volume_phase,
};
use super::{binding, words};
use crate::deps::ControllerDeps;

/// Volumes by the claim that they name, as `namespace/name`.
const INDEX_CLAIM: &str = "claim";

/// Binds claims and volumes.
#[derive(Debug)]
pub struct VolumeBinder {
    claims: Informer<PersistentVolumeClaim>,
    volumes: Informer<PersistentVolume>,
    classes: Informer<StorageClass>,
    claim_api: Api<PersistentVolumeClaim>,
    volume_api: Api<PersistentVolume>,
    provisioners: BTreeMap<String, Arc<dyn Provisioner>>,
    recorder: Recorder,
}

impl VolumeBinder {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let volumes = deps.informers.of::<PersistentVolume>();
        volumes.add_index(INDEX_CLAIM, claim_of);
        let provisioners = deps.config.provisioners.iter();
        Self {
            claims: deps.informers.of(),
            volumes,
            classes: deps.informers.of(),
            claim_api: deps.client().api(),
            volume_api: deps.client().api(),
            provisioners: provisioners.map(|p| (p.name().to_owned(), Arc::clone(p))).collect(),
            recorder: deps.recorder("persistentvolume-controller"),
        }
    }

    async fn run_claim(&self, claim: &Arc<PersistentVolumeClaim>) -> Result<(), Status> {
        let volumes = self.volumes.list();
        let class = self.classes.get(&ObjectKey::cluster(claim_class(claim).to_owned()));
        let default_class = self.default_class();
        let view = ClaimView {
            claim,
            volumes: &volumes,
            class: class.as_deref(),
            default_class: default_class.as_deref(),
        };
        match claim_plan::plan(&view) {
            ClaimStep::Bind(volume) => self.bind(&volume, claim).await,
            ClaimStep::SetClass(name) => {
                let mut claim = PersistentVolumeClaim::clone(claim);
                claim.spec.get_or_insert_default().storage_class_name = Some(name);
                self.claim_api.update(&claim).await.map(drop)
            }
            ClaimStep::Provision => {
                self.provision(claim, class.as_ref()).await?;
                self.claim_phase(claim, "Pending").await
            }
            ClaimStep::Wait(note) => {
                if let Some(note) = note {
                    self.tell(claim, note);
                }
                self.claim_phase(claim, "Pending").await
            }
            ClaimStep::Lost(reason, message) => {
                if claim_phase(claim) != "Lost" {
                    self.recorder.warning(&**claim, reason, message);
                }
                self.claim_phase(claim, "Lost").await
            }
            ClaimStep::Conflict(why) => Err(Status::internal(why)),
        }
    }

    /// The newest of the classes that are said to be the default, as admission picks it.
    fn default_class(&self) -> Option<String> {
        let classes = self.classes.list().into_iter().filter(|class| is_default_class(class));
        let newest = |class: &Arc<StorageClass>| {
            let made = class.metadata.creation_timestamp.clone();
            (made, std::cmp::Reverse(class.name().to_owned()))
        };
        classes.max_by_key(newest).map(|class| class.name().to_owned())
    }

    fn tell(&self, claim: &PersistentVolumeClaim, note: Note) {
        match note.warning {
            true => self.recorder.warning(claim, note.reason, note.message),
            false => self.recorder.normal(claim, note.reason, note.message),
        }
    }

    async fn claim_phase(&self, claim: &PersistentVolumeClaim, phase: &str) -> Result<(), Status> {
        match binding::claim_in(claim, phase) {
            Some(claim) => self.claim_api.update_status(&claim).await.map(drop),
            None => Ok(()),
        }
    }

    /// Writes both sides, the volume first: a claim that says that it is bound can be used.
    async fn bind(
        &self,
        volume: &Arc<PersistentVolume>,
        claim: &Arc<PersistentVolumeClaim>,
    ) -> Result<(), Status> {
        let mut volume = Arc::clone(volume);
        if let Some(wanted) = binding::volume_side(&volume, claim) {
            volume = self.volume_api.update(&wanted).await?;
        }
        if let Some(wanted) = binding::volume_in(&volume, "Bound", "") {
            volume = self.volume_api.update_status(&wanted).await?;
        }
        let mut claim = Arc::clone(claim);
        if let Some(wanted) = binding::claim_side(&claim, &volume) {
            claim = self.claim_api.update(&wanted).await?;
        }
        if let Some(wanted) = binding::claim_bound(&claim, &volume) {
            self.claim_api.update_status(&wanted).await?;
        }
        Ok(())
    }

    /// Has a volume made: here, or by somebody who watches for claims that name him.
    async fn provision(
        &self,
        claim: &Arc<PersistentVolumeClaim>,
        class: Option<&Arc<StorageClass>>,
    ) -> Result<(), Status> {
        let Some(class) = class else {
            let name = claim_class(claim);
            let message = format!("storageclass.storage.k8s.io \"{name}\" not found");
            self.recorder.warning(&**claim, "ProvisioningFailed", message);
            return Ok(());
        };
        let name = class.provisioner.as_str();
        if let Some(provisioner) = self.provisioners.get(name) {
            return self.provision_here(claim, class, &**provisioner).await;
        }
        if name.starts_with("kubernetes.io/") {
            let message = format!("no volume plugin matched name: {name}");
            self.recorder.warning(&**claim, "ProvisioningFailed", message);
            return Ok(());
        }
        if STORAGE_PROVISIONER.iter().any(|key| claim.annotation(key) != Some(name)) {
            let mut claim = PersistentVolumeClaim::clone(claim);
            let annotations = claim.metadata.annotations.get_or_insert_default();
            for key in STORAGE_PROVISIONER {
                annotations.insert(key.into(), name.into());
            }
            self.claim_api.update(&claim).await?;
        }
        let message = format!(
            "Waiting for a volume to be created either by the external provisioner '{name}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
        );
        self.recorder.normal(&**claim, "ExternalProvisioning", message);
        Ok(())
    }

    async fn provision_here(
        &self,
        claim: &Arc<PersistentVolumeClaim>,
        class: &Arc<StorageClass>,
        provisioner: &dyn Provisioner,
    ) -> Result<(), Status> {
        let request = ProvisionRequest::new(claim, class);
        let draft = request.volume(provisioner.name());
        if self.volumes.get(&draft.key()).is_some() {
            return Ok(());
        }
        let made = match provisioner.provision(&request, draft).await {
            Ok(volume) => volume,
            Err(error) => {
                let class = class.name();
                let message =
                    format!("Failed to provision volume with StorageClass \"{class}\": {error}");
                self.recorder.warning(&**claim, "ProvisioningFailed", message);
                return Err(Status::internal(error));
            }
        };
        match self.volume_api.create(&made).await {
            Err(status) if !status.is_already_exists() => return Err(status),
            _ => {}
        }
        let message =
            format!("Successfully provisioned volume {} using {}", made.name(), provisioner.name());
        self.recorder.normal(&**claim, "ProvisioningSucceeded", message);
        Ok(())
    }

    async fn run_volume(&self, volume: &Arc<PersistentVolume>) -> Result<(), Status> {
        let key = claim_ref(volume).map(|reference| {
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            ObjectKey::new(text(&reference.namespace), text(&reference.name))
        });
        let claim = match &key {
            Some(key) => self.claim(key, volume).await?,
            None => None,
        };
        match volume_plan::plan(volume, claim.as_ref()) {
            VolumeStep::Phase(phase) => self.volume_phase(volume, phase, "").await,
            // What is missing is written with the claim.
            VolumeStep::Claim => match claim {
                Some(claim) => self.run_claim(&claim).await,
                None => Ok(()),
            },
            VolumeStep::Release(reclaim) => self.release(volume, reclaim).await,
            VolumeStep::Unbind => {
                let freed = self.volume_api.update(&volume_plan::unbound(volume)).await?;
                self.volume_phase(&freed, "Available", "").await
            }
        }
    }

    /// What has the name of a volume's claim. The cache may be older than the claim, and data is at
    /// stake: before a volume is said to be released, the API is asked.
    async fn claim(
        &self,
        key: &ObjectKey,
        volume: &PersistentVolume,
    ) -> Result<Option<Arc<PersistentVolumeClaim>>, Status> {
        match self.claims.get(key) {
            None if !matches!(volume_phase(volume), "Released" | "Failed") => {
                self.claim_api.find(key).await
            }
            known => Ok(known),
        }
    }

    async fn volume_phase(
        &self,
        volume: &PersistentVolume,
        phase: &str,
        message: &str,
    ) -> Result<(), Status> {
        match binding::volume_in(volume, phase, message) {
            Some(volume) => self.volume_api.update_status(&volume).await.map(drop),
            None => Ok(()),
        }
    }

    /// The claim is gone: says so, and does as the volume's policy says.
    async fn release(
        &self,
        volume: &Arc<PersistentVolume>,
        reclaim: Reclaim,
    ) -> Result<(), Status> {
        if !matches!(volume_phase(volume), "Released" | "Failed") {
            // The new phase is a change of the volume, upon which the policy is carried out.
            return self.volume_phase(volume, "Released", "").await;
        }
        match reclaim {
            Reclaim::Retain => Ok(()),
            Reclaim::Delete => self.remove(volume).await,
            Reclaim::Recycle => {
                let why = "No recycler plugin found for the volume!";
                self.fail(volume, "VolumeFailedRecycle", why).await
            }
        }
    }

    /// Removes a volume and its data; one that somebody else has made is his to remove.
    async fn remove(&self, volume: &Arc<PersistentVolume>) -> Result<(), Status> {
        match volume.annotation(PROVISIONED_BY) {
            Some(name) => {
                let Some(provisioner) = self.provisioners.get(name) else { return Ok(()) };
                if let Err(error) = provisioner.remove(volume).await {
                    self.fail(volume, "VolumeFailedDelete", &error.to_string()).await?;
                    return Err(Status::internal(error));
                }
            }
            None => {
                let name = volume.name();
                let why = format!(
                    "error getting deleter volume plugin for volume \"{name}\": no deletable volume plugin matched"
                );
                return self.fail(volume, "VolumeFailedDelete", &why).await;
            }
        }
        match self.volume_api.delete(&volume.key(), &DeleteOptions::uid(volume.uid())).await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(()),
        }
    }

    async fn fail(
        &self,
        volume: &PersistentVolume,
        reason: &str,
        message: &str,
    ) -> Result<(), Status> {
        if volume_phase(volume) == "Failed" {
            return Ok(());
        }
        self.recorder.warning(volume, reason, message);
        self.volume_phase(volume, "Failed", message).await
    }
}

/// The values of [`INDEX_CLAIM`].
fn claim_of(volume: &Object) -> Vec<String> {
    let text = |field| volume.text_at(&["spec", "claimRef", field]);
    match text("name") {
        "" => Vec::new(),
        name => vec![format!("{}/{name}", text("namespace"))],
    }
}

/// A claim, and the volumes that it concerns: the one that it names and those that name it.
fn by_claim(volumes: &Informer<PersistentVolume>, change: &Change) -> Vec<ObjectKey> {
    let Some(item) = change.item() else { return Vec::new() };
    let key = item.key();
    let naming = volumes.by_index(INDEX_CLAIM, &format!("{}/{}", key.namespace, key.name));
    let mut keys: Vec<ObjectKey> = naming.iter().map(|volume| volume.key()).collect();
    let named = item.lean().ok().map(|tree| tree.text_at(&["spec", "volumeName"]).to_owned());
    keys.extend(named.filter(|name| !name.is_empty()).map(ObjectKey::cluster));
    keys.push(key);
    keys
}

/// A volume, its claim, and the claims that could have it.
fn by_volume(claims: &Informer<PersistentVolumeClaim>, change: &Change) -> Vec<ObjectKey> {
    let typed = |item: &Option<Item>| item.as_ref()?.typed::<PersistentVolume>().ok();
    let (old, new) = (typed(&change.old), typed(&change.new));
    let mut keys: Vec<ObjectKey> = new.iter().map(|volume| volume.key()).collect();
    for volume in old.iter().chain(&new) {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        keys.extend(claim_ref(volume).map(|r| ObjectKey::new(text(&r.namespace), text(&r.name))));
    }
    let name = new.as_ref().or(old.as_ref()).map(|volume| volume.name().to_owned());
    let free = new.as_ref().filter(|volume| claim_ref(volume).is_none());
    let class = free.map(|volume| words::volume_class(volume).to_owned());
    let waits = |claim: &&Arc<PersistentVolumeClaim>| {
        let asks = !volume_name(claim).is_empty() && Some(volume_name(claim)) == name.as_deref();
        let open = claim.annotation(BIND_COMPLETED).is_none() && volume_name(claim).is_empty();
        asks || (open && Some(claim_class(claim)) == class.as_deref())
    };
    keys.extend(claims.list().iter().filter(waits).map(|claim| claim.key()));
    keys.sort();
    keys.dedup();
    keys
}

/// The open claims of a class that has changed; all those without one too, where it is the
/// default.
fn by_class(claims: &Informer<PersistentVolumeClaim>, change: &Change) -> Vec<ObjectKey> {
    let class = change.new.as_ref().and_then(|item| item.typed::<StorageClass>().ok());
    let Some(class) = class else { return Vec::new() };
    let concerned = |claim: &&Arc<PersistentVolumeClaim>| {
        let named = claim_class(claim) == class.name();
        let open = claim.annotation(BIND_COMPLETED).is_none() && volume_name(claim).is_empty();
        open && (named || (words::has_no_class(claim) && is_default_class(&class)))
    };
    claims.list().iter().filter(concerned).map(|claim| claim.key()).collect()
}

#[async_trait]
impl Controller for VolumeBinder {
    fn name(&self) -> &str {
        "persistentvolume-binder"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let volumes = self.volumes.clone();
        let (of_volume, of_class) = (self.claims.clone(), self.claims.clone());
        vec![
            WatchSpec::new(gvr::<PersistentVolumeClaim>(), move |c| by_claim(&volumes, c)),
            WatchSpec::new(gvr::<PersistentVolume>(), move |c| by_volume(&of_volume, c)),
            WatchSpec::new(gvr::<StorageClass>(), move |c| by_class(&of_class, c)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        if key.namespace.is_empty() {
            if let Some(volume) = self.volumes.get(key) {
                self.run_volume(&volume).await?;
            }
        } else if let Some(claim) = self.claims.get(key) {
            self.run_claim(&claim).await?;
        }
        Ok(Outcome::Done)
    }
}
