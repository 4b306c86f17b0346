//! What a volume shows: files by their paths, computed from the objects it refers to.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret, Volume, VolumeProjection,
};

use crate::environment::{Subject, field, resource};
use crate::material::{Material, MaterialError};

/// The mode of files where the volume does not say.
const DEFAULT_MODE: i32 = 0o644;

/// The mode of token files in a pod whose files have a group, which may read them too.
const TOKEN_MODE: i32 = 0o600;

/// The files of a volume, by path.
pub type Payload = BTreeMap<PathBuf, PayloadFile>;

/// One file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadFile {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
}

/// The files that `volume` shows; `None` for a volume that shows no objects.
///
/// # Errors
/// What it refers to is not there, or a path leaves the volume.
pub fn payload(
    pod: &Pod,
    volume: &Volume,
    material: &Material,
) -> Result<Option<Payload>, MaterialError> {
    let mut files = Files { pod, material, mode: DEFAULT_MODE, payload: Payload::new() };
    if let Some(source) = &volume.config_map {
        files.mode = source.default_mode.unwrap_or(DEFAULT_MODE);
        files.config_map(&source.name, source.items.as_deref(), source.optional)?;
    } else if let Some(source) = &volume.secret {
        files.mode = source.default_mode.unwrap_or(DEFAULT_MODE);
        let name = source.secret_name.as_deref().unwrap_or_default();
        files.secret(name, source.items.as_deref(), source.optional)?;
    } else if let Some(source) = &volume.downward_api {
        files.mode = source.default_mode.unwrap_or(DEFAULT_MODE);
        files.downward(source.items.as_deref().unwrap_or_default())?;
    } else if let Some(source) = &volume.projected {
        files.mode = source.default_mode.unwrap_or(DEFAULT_MODE);
        for projection in source.sources.as_deref().unwrap_or_default() {
            files.projection(projection)?;
        }
    } else {
        return Ok(None);
    }
    Ok(Some(files.payload))
}

/// The files collected so far, and what they are made from.
struct Files<'a> {
    pod: &'a Pod,
    material: &'a Material,
    mode: i32,
    payload: Payload,
}

impl Files<'_> {
    fn projection(&mut self, projection: &VolumeProjection) -> Result<(), MaterialError> {
        if let Some(source) = &projection.config_map {
            self.config_map(&source.name, source.items.as_deref(), source.optional)?;
        }
        if let Some(source) = &projection.secret {
            self.secret(&source.name, source.items.as_deref(), source.optional)?;
        }
        if let Some(source) = &projection.downward_api {
            self.downward(source.items.as_deref().unwrap_or_default())?;
        }
        if let Some(source) = &projection.service_account_token {
            let token = self.material.tokens.get(&source.into()).cloned();
            let token = token.ok_or_else(|| MaterialError("no service account token".into()))?;
            // Where the pod's files have a group, only it may read the token.
            let mode = super::group::of(self.pod).map(|_| TOKEN_MODE);
            self.add(&source.path, token.into_bytes(), mode)?;
        }
        if projection.cluster_trust_bundle.is_some() || projection.pod_certificate.is_some() {
            let why = "clusterTrustBundle and podCertificate are not supported by this node";
            return Err(MaterialError(why.into()));
        }
        Ok(())
    }

    fn config_map(
        &mut self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<(), MaterialError> {
        let optional = optional == Some(true);
        let Some(map) = self.material.config_map(name, optional)? else { return Ok(()) };
        self.keys(&bytes_of(map), items, optional, "config")
    }

    fn secret(
        &mut self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<(), MaterialError> {
        let optional = optional == Some(true);
        let Some(secret) = self.material.secret(name, optional)? else { return Ok(()) };
        self.keys(&secret_bytes(secret), items, optional, "secret")
    }

    /// All keys, or those that the items name.
    fn keys(
        &mut self,
        data: &BTreeMap<&str, &[u8]>,
        items: Option<&[KeyToPath]>,
        optional: bool,
        kind: &str,
    ) -> Result<(), MaterialError> {
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            for (key, bytes) in data {
                self.add(key, bytes.to_vec(), None)?;
            }
            return Ok(());
        };
        for item in items {
            match data.get(item.key.as_str()) {
                Some(bytes) => self.add(&item.path, bytes.to_vec(), item.mode)?,
                None if optional => {}
                None => {
                    let why = format!("references non-existent {kind} key: {}", item.key);
                    return Err(MaterialError(why));
                }
            }
        }
        Ok(())
    }

    fn downward(&mut self, items: &[DownwardAPIVolumeFile]) -> Result<(), MaterialError> {
        for item in items {
            let text = if let Some(reference) = &item.field_ref {
                field(self.pod, self.material, &reference.field_path)?
            } else if let Some(reference) = &item.resource_field_ref {
                let container = &Default::default();
                let (pod, material) = (self.pod, self.material);
                resource(Subject { pod, container, material }, reference)?
            } else {
                return Err(MaterialError("a downward item needs a reference".into()));
            };
            self.add(&item.path, text.into_bytes(), item.mode)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &str, bytes: Vec<u8>, mode: Option<i32>) -> Result<(), MaterialError> {
        let path = Path::new(path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if path.as_os_str().is_empty() || !inside {
            return Err(MaterialError(format!("invalid path {:?}", path.display().to_string())));
        }
        let mode = u32::try_from(mode.unwrap_or(self.mode)).unwrap_or_default() & 0o777;
        self.payload.insert(path.to_owned(), PayloadFile { bytes, mode });
        Ok(())
    }
}

fn bytes_of(map: &ConfigMap) -> BTreeMap<&str, &[u8]> {
    let text = map.data.iter().flatten().map(|(key, text)| (key.as_str(), text.as_bytes()));
    let binary = map.binary_data.iter().flatten();
    text.chain(binary.map(|(key, ByteString(bytes))| (key.as_str(), bytes.as_slice()))).collect()
}

fn secret_bytes(secret: &Secret) -> BTreeMap<&str, &[u8]> {
    let data = secret.data.iter().flatten();
    data.map(|(key, ByteString(bytes))| (key.as_str(), bytes.as_slice())).collect()
}
