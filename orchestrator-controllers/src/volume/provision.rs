//! Making volumes when they are asked for: the seam, and one that makes directories.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{
    HostPathVolumeSource, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm,
    PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, VolumeNodeAffinity,
};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{KindExt, reference};

use super::words::{PROVISIONED_BY, SELECTED_NODE};

/// What a volume is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProvisionRequest {
    /// The claim.
    pub claim: Arc<PersistentVolumeClaim>,
    /// Its class.
    pub class: Arc<StorageClass>,
    /// The node of the claim's first pod, where the class waits for it.
    pub node: Option<String>,
}

/// Why a volume cannot be made or removed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProvisionError(pub String);

/// Makes the volumes of the classes that name it, inside this process.
///
/// # Contract
/// - What is made for a claim is found again by a second call for the same claim: the first may
///   have been cut off before its volume was stored.
/// - Removing what is not there succeeds.
#[async_trait]
pub trait Provisioner: fmt::Debug + Send + Sync + 'static {
    /// The name by which classes ask for it, as in `example.com/disks`.
    fn name(&self) -> &str;

    /// Makes what holds the data; `volume` has all that claim and class say, and gets its source.
    ///
    /// # Errors
    /// The text that people read in the claim's event; the claim is tried again.
    async fn provision(
        &self,
        request: &ProvisionRequest,
        volume: PersistentVolume,
    ) -> Result<PersistentVolume, ProvisionError>;

    /// Removes the data of a volume that this provisioner has made.
    ///
    /// # Errors
    /// The text that people read in the volume's event.
    async fn remove(&self, volume: &PersistentVolume) -> Result<(), ProvisionError>;
}

impl ProvisionRequest {
    /// A request for `claim`.
    pub(super) fn new(claim: &Arc<PersistentVolumeClaim>, class: &Arc<StorageClass>) -> Self {
        let node = claim.annotation(SELECTED_NODE).map(str::to_owned);
        Self { claim: Arc::clone(claim), class: Arc::clone(class), node }
    }

    /// The volume as far as claim and class say: all but where the data is.
    pub(super) fn volume(&self, provisioner: &str) -> PersistentVolume {
        let (claim, class) = (&self.claim, &self.class);
        let spec = claim.spec.clone().unwrap_or_default();
        let requests = spec.resources.and_then(|resources| resources.requests).unwrap_or_default();
        let storage = requests.into_iter().filter(|(name, _)| name == "storage").collect();
        PersistentVolume {
            metadata: ObjectMeta {
                name: Some(format!("pvc-{}", claim.uid())),
                annotations: Some([(PROVISIONED_BY.into(), provisioner.into())].into()),
                ..ObjectMeta::default()
            },
            spec: Some(PersistentVolumeSpec {
                access_modes: spec.access_modes,
                capacity: Some(storage),
                claim_ref: Some(reference(&**claim)),
                mount_options: class.mount_options.clone(),
                persistent_volume_reclaim_policy: Some(
                    class.reclaim_policy.clone().unwrap_or_else(|| "Delete".into()),
                ),
                storage_class_name: Some(class.name().into()),
                volume_mode: spec.volume_mode,
                ..PersistentVolumeSpec::default()
            }),
            status: None,
        }
    }
}

/// Makes a directory of this host for each claim: `ROOT/pvc-UID`.
///
/// # Examples
/// ```
/// use orchestrator_controllers::volume::{DirectoryProvisioner, Provisioner};
///
/// let provisioner = DirectoryProvisioner::new("/var/lib/volumes");
/// assert_eq!(provisioner.name(), "orchestrator.io/directory");
/// ```
#[derive(Clone, Debug)]
pub struct DirectoryProvisioner {
    root: PathBuf,
    /// Whether there are directories at all.
    real: bool,
}

impl DirectoryProvisioner {
    /// The name by which classes ask for it.
    pub const NAME: &'static str = "orchestrator.io/directory";

    /// Makes directories below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), real: true }
    }

    /// Only says that there are directories, for nodes that only say that they run containers.
    pub fn simulated() -> Self {
        Self { root: "/simulated/volumes".into(), real: false }
    }

    fn path(&self, volume: &PersistentVolume) -> PathBuf {
        self.root.join(volume.name())
    }
}

#[async_trait]
impl Provisioner for DirectoryProvisioner {
    fn name(&self) -> &str {
        Self::NAME
    }

    async fn provision(
        &self,
        request: &ProvisionRequest,
        mut volume: PersistentVolume,
    ) -> Result<PersistentVolume, ProvisionError> {
        let path = self.path(&volume);
        let failed = |error: std::io::Error| ProvisionError(format!("{}: {error}", path.display()));
        if self.real {
            tokio::fs::create_dir_all(&path).await.map_err(failed)?;
        }
        let spec = volume.spec.get_or_insert_default();
        spec.host_path = Some(HostPathVolumeSource {
            path: path.to_string_lossy().into_owned(),
            type_: Some("DirectoryOrCreate".into()),
        });
        spec.node_affinity = request.node.as_deref().map(only_on);
        Ok(volume)
    }

    async fn remove(&self, volume: &PersistentVolume) -> Result<(), ProvisionError> {
        let path = self.path(volume);
        if !self.real {
            return Ok(());
        }
        match tokio::fs::remove_dir_all(&path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ProvisionError(format!("{}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }
}

/// A volume that only one node can reach.
fn only_on(node: &str) -> VolumeNodeAffinity {
    let requirement = NodeSelectorRequirement {
        key: "kubernetes.io/hostname".into(),
        operator: "In".into(),
        values: Some(vec![node.into()]),
    };
    let term = NodeSelectorTerm { match_expressions: Some(vec![requirement]), match_fields: None };
    VolumeNodeAffinity { required: Some(NodeSelector { node_selector_terms: vec![term] }) }
}

#[cfg(test)]
mod tests {
    use super::super::matching::tests::claim;
    use super::*;
    use serde_json::json;

    fn _dyn_compatible(_: &dyn Provisioner) {}

    #[test]
    fn a_volume_takes_after_its_claim_and_class() {
        let class: StorageClass = serde_json::from_value(
            json!({"metadata": {"name": "s"}, "provisioner": "p", "mountOptions": ["ro"]}),
        )
        .unwrap();
        let request = ProvisionRequest::new(&Arc::new(claim(3, json!({}))), &Arc::new(class));
        let volume = serde_json::to_value(request.volume("p")).unwrap();
        assert_eq!(volume["metadata"]["name"], json!("pvc-uid-c"));
        let spec = &volume["spec"];
        assert_eq!(spec["capacity"], json!({"storage": "3Gi"}));
        assert_eq!(spec["persistentVolumeReclaimPolicy"], json!("Delete"));
        assert_eq!(spec["claimRef"]["uid"], json!("uid-c"));
        assert_eq!(spec["mountOptions"], json!(["ro"]));
    }
}
