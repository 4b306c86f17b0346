//! Material: the objects that a pod's environment and volumes are made from.
//!
//! [`References`] says what a pod needs, the agent fetches it, and [`Material`] holds it, so that
//! everything that is made from it is a pure function.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccountTokenProjection};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// How long a token lives where its volume does not say.
const TOKEN_SECONDS: i64 = 3600;

/// A token that a volume wants: for whom, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenRequest {
    /// The audience; empty for the API server.
    pub audience: String,
    /// How long it lives, in seconds.
    pub seconds: i64,
}

impl From<&ServiceAccountTokenProjection> for TokenRequest {
    fn from(projection: &ServiceAccountTokenProjection) -> Self {
        Self {
            audience: projection.audience.clone().unwrap_or_default(),
            seconds: projection.expiration_seconds.unwrap_or(TOKEN_SECONDS),
        }
    }
}

/// What a pod refers to, by name, all in its namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// ConfigMaps.
    pub config_maps: BTreeSet<String>,
    /// Secrets.
    pub secrets: BTreeSet<String>,
    /// Tokens of its service account.
    pub tokens: BTreeSet<TokenRequest>,
    /// Claims of volumes.
    pub claims: BTreeSet<String>,
}

impl References {
    /// What the pod's containers and volumes refer to.
    pub fn of(pod: &Pod) -> Self {
        let mut references = Self::default();
        for member in crate::plan::members(pod) {
            for env in member.spec.env.iter().flatten() {
                let from = env.value_from.as_ref();
                let config_map = from.and_then(|from| from.config_map_key_ref.as_ref());
                references.config_maps.extend(config_map.map(|key| key.name.clone()));
                let secret = from.and_then(|from| from.secret_key_ref.as_ref());
                references.secrets.extend(secret.map(|key| key.name.clone()));
            }
            for from in member.spec.env_from.iter().flatten() {
                references.config_maps.extend(from.config_map_ref.as_ref().map(|r| r.name.clone()));
                references.secrets.extend(from.secret_ref.as_ref().map(|r| r.name.clone()));
            }
        }
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref());
        for volume in volumes.unwrap_or_default() {
            references.claims.extend(crate::volume::claim_of(pod, volume));
            references.config_maps.extend(volume.config_map.as_ref().map(|c| c.name.clone()));
            references.secrets.extend(volume.secret.as_ref().and_then(|s| s.secret_name.clone()));
            let projected = volume.projected.as_ref().and_then(|p| p.sources.as_deref());
            for source in projected.unwrap_or_default() {
                references.config_maps.extend(source.config_map.as_ref().map(|c| c.name.clone()));
                references.secrets.extend(source.secret.as_ref().map(|s| s.name.clone()));
                references.tokens.extend(source.service_account_token.as_ref().map(Into::into));
            }
        }
        references
    }
}

/// What a pod's references stand for, and what else its environment tells.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// The ConfigMaps that are there.
    pub config_maps: BTreeMap<String, Arc<ConfigMap>>,
    /// The Secrets that are there.
    pub secrets: BTreeMap<String, Arc<Secret>>,
    /// The tokens.
    pub tokens: BTreeMap<TokenRequest, String>,
    /// Where the volumes of bound claims are on this node, or why they are not.
    pub claims: BTreeMap<String, Result<PathBuf, String>>,
    /// The services that the pod's environment names.
    pub services: Vec<Arc<Service>>,
    /// The pod's addresses.
    pub pod_ips: Vec<IpAddr>,
    /// The node's addresses.
    pub host_ips: Vec<IpAddr>,
    /// What of the node pods may use: the limit of whoever has none.
    pub allocatable: BTreeMap<String, Quantity>,
}

/// Something that a pod refers to is not there, or is not what it must be; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MaterialError(pub String);

impl Material {
    /// Where the volume of the claim `name` is.
    ///
    /// # Errors
    /// It is not bound, or its volume is not on this node.
    pub fn claim(&self, name: &str) -> Result<&Path, MaterialError> {
        match self.claims.get(name) {
            Some(Ok(path)) => Ok(path),
            Some(Err(why)) => Err(MaterialError(why.clone())),
            None => Err(MaterialError(format!("persistentvolumeclaim {name:?} not found"))),
        }
    }

    /// The ConfigMap `name`; `None` where it is not there and need not be.
    ///
    /// # Errors
    /// It is not there.
    pub fn config_map(
        &self,
        name: &str,
        optional: bool,
    ) -> Result<Option<&ConfigMap>, MaterialError> {
        let found = self.config_maps.get(name).map(AsRef::as_ref);
        present(found, optional, || format!("configmap {name:?} not found"))
    }

    /// The Secret `name`; `None` where it is not there and need not be.
    ///
    /// # Errors
    /// It is not there.
    pub fn secret(&self, name: &str, optional: bool) -> Result<Option<&Secret>, MaterialError> {
        let found = self.secrets.get(name).map(AsRef::as_ref);
        present(found, optional, || format!("secret {name:?} not found"))
    }
}

/// What was found; missing is an error unless it is optional.
pub fn present<T>(
    found: Option<T>,
    optional: bool,
    missing: impl FnOnce() -> String,
) -> Result<Option<T>, MaterialError> {
    match found {
        None if !optional => Err(MaterialError(missing())),
        found => Ok(found),
    }
}
