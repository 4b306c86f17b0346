//! The environment of a container: what its pod says, what its references hold, its services.

mod expand;
mod field;
mod resource;
mod service;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVarSource, Pod};

use crate::material::{Material, MaterialError, present};

pub use expand::expand;
pub use field::field;
pub use resource::resource;

/// What the environment is made from.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// The container.
    pub container: &'a Container,
    /// What the pod refers to.
    pub material: &'a Material,
}

/// The environment of the container: the services first, then its own variables in their order.
///
/// # Errors
/// A reference to what is not there.
pub fn environment(subject: Subject<'_>) -> Result<Vec<(String, String)>, MaterialError> {
    let spec = subject.pod.spec.as_ref();
    let links = spec.and_then(|spec| spec.enable_service_links).unwrap_or(true);
    let namespace = subject.pod.metadata.namespace.as_deref().unwrap_or_default();
    let services = service::variables(&subject.material.services, namespace, links);
    let mut own = Variables::default();
    for from in subject.container.env_from.iter().flatten() {
        from_source(from, subject.material, &mut own)?;
    }
    for variable in subject.container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (_, Some(from)) => match from_reference(subject, from)? {
                Some(value) => value,
                None => continue,
            },
            (value, None) => {
                let text = value.as_deref().unwrap_or_default();
                expand(text, |name| own.get(name).or_else(|| services.get(name).cloned()))
            }
        };
        own.set(&variable.name, value);
    }
    let unset = services.into_iter().filter(|(name, _)| !own.values.contains_key(name));
    let mut all: Vec<_> = unset.collect();
    all.extend(own.in_order());
    Ok(all)
}

/// Command and arguments with their variables put in.
pub fn expand_all(words: Option<&[String]>, env: &[(String, String)]) -> Vec<String> {
    let value = |name: &str| env.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    words.unwrap_or_default().iter().map(|word| expand(word, value)).collect()
}

/// Variables in the order in which they were first set.
#[derive(Default)]
struct Variables {
    order: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Variables {
    fn set(&mut self, name: &str, value: String) {
        if self.values.insert(name.to_owned(), value).is_none() {
            self.order.push(name.to_owned());
        }
    }

    fn get(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    fn in_order(mut self) -> impl Iterator<Item = (String, String)> {
        self.order.into_iter().filter_map(move |name| {
            let value = self.values.remove(&name)?;
            Some((name, value))
        })
    }
}

/// All entries of a ConfigMap or Secret; keys that can be no variable are left out.
fn from_source(
    from: &EnvFromSource,
    material: &Material,
    own: &mut Variables,
) -> Result<(), MaterialError> {
    let prefix = from.prefix.as_deref().unwrap_or_default();
    if let Some(reference) = &from.config_map_ref
        && let Some(map) = material.config_map(&reference.name, reference.optional == Some(true))?
    {
        for (key, value) in map.data.iter().flatten() {
            set_valid(own, prefix, key, value.clone());
        }
    }
    if let Some(reference) = &from.secret_ref
        && let Some(secret) = material.secret(&reference.name, reference.optional == Some(true))?
    {
        for (key, value) in secret.data.iter().flatten() {
            set_valid(own, prefix, key, String::from_utf8_lossy(&value.0).into_owned());
        }
    }
    Ok(())
}

fn set_valid(own: &mut Variables, prefix: &str, key: &str, value: String) {
    let name = format!("{prefix}{key}");
    let printable = |c: char| (' '..='~').contains(&c) && c != '=';
    if !name.is_empty() && name.chars().all(printable) {
        own.set(&name, value);
    }
}

/// The value that a reference stands for; `None` where it is not there and need not be.
fn from_reference(
    subject: Subject<'_>,
    from: &EnvVarSource,
) -> Result<Option<String>, MaterialError> {
    let namespace = subject.pod.metadata.namespace.as_deref().unwrap_or_default();
    let material = subject.material;
    if let Some(reference) = &from.field_ref {
        return field(subject.pod, material, &reference.field_path).map(Some);
    }
    if let Some(reference) = &from.resource_field_ref {
        return resource(subject, reference).map(Some);
    }
    if let Some(reference) = &from.config_map_key_ref {
        let optional = reference.optional == Some(true);
        let Some(map) = material.config_map(&reference.name, optional)? else { return Ok(None) };
        let value = map.data.as_ref().and_then(|data| data.get(&reference.key)).cloned();
        let (key, name) = (&reference.key, &reference.name);
        return present(value, optional, || {
            format!("couldn't find key {key} in ConfigMap {namespace}/{name}")
        });
    }
    if let Some(reference) = &from.secret_key_ref {
        let optional = reference.optional == Some(true);
        let Some(secret) = material.secret(&reference.name, optional)? else { return Ok(None) };
        let value = secret.data.as_ref().and_then(|data| data.get(&reference.key));
        let value = value.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned());
        let (key, name) = (&reference.key, &reference.name);
        return present(value, optional, || {
            format!("couldn't find key {key} in Secret {namespace}/{name}")
        });
    }
    Err(MaterialError("fileKeyRef is not supported by this node".into()))
}

#[cfg(test)]
mod tests;
