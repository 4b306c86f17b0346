//! The ConfigMap `kube-root-ca.crt` in each namespace, by which pods know the API server.

use std::collections::BTreeMap;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{Api, Informer, KindExt, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::deps::ControllerDeps;
use crate::namespace::{is_active, namespace_of};
use crate::workload::podcontrol::is_namespace_terminating;

/// The name of the ConfigMap.
const NAME: &str = "kube-root-ca.crt";
/// The name of the certificates in it.
const FIELD: &str = "ca.crt";
/// The annotation that says what the ConfigMap is for.
const DESCRIPTION: &str = "kubernetes.io/description";
const DESCRIPTION_TEXT: &str = "Certificates by which the API server is verified when it is \
    reached at its address inside the cluster. They may serve no other purpose.";

/// Publishes the root certificates; its keys are namespaces.
#[derive(Debug)]
pub struct RootCaController {
    root_ca: String,
    namespaces: Informer<Namespace>,
    maps: Informer<ConfigMap>,
    api: Api<ConfigMap>,
}

impl RootCaController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            root_ca: deps.config.root_ca.clone(),
            namespaces: deps.informers.of(),
            maps: deps.informers.of(),
            api: deps.client().api(),
        }
    }
}

/// What to write.
#[derive(Debug, PartialEq)]
enum Plan {
    Create(ConfigMap),
    Update(ConfigMap),
    Nothing,
}

fn plan(root_ca: &str, namespace: Option<&Namespace>, found: Option<&ConfigMap>) -> Plan {
    let Some(namespace) = namespace.filter(|n| is_active(n) && !root_ca.is_empty()) else {
        return Plan::Nothing;
    };
    let data = Some(BTreeMap::from([(FIELD.to_owned(), root_ca.to_owned())]));
    let described = |meta: &mut ObjectMeta| {
        let annotations = meta.annotations.get_or_insert_default();
        annotations.insert(DESCRIPTION.into(), DESCRIPTION_TEXT.into());
    };
    match found {
        Some(map) if map.data == data && map.annotation(DESCRIPTION).is_some() => Plan::Nothing,
        Some(map) => {
            let mut map = ConfigMap { data, ..map.clone() };
            described(&mut map.metadata);
            Plan::Update(map)
        }
        None => {
            let mut map = ConfigMap { data, ..ConfigMap::default() };
            map.metadata.namespace = Some(namespace.name().into());
            map.metadata.name = Some(NAME.into());
            described(&mut map.metadata);
            Plan::Create(map)
        }
    }
}

#[async_trait]
impl Controller for RootCaController {
    fn name(&self) -> &str {
        "root-ca"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![
            WatchSpec::own(gvr::<Namespace>()),
            WatchSpec::new(gvr::<ConfigMap>(), |change| namespace_of(change, NAME)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let namespace = self.namespaces.get(key);
        let found = self.maps.get(&ObjectKey::new(&*key.name, NAME));
        let written = match plan(&self.root_ca, namespace.as_deref(), found.as_deref()) {
            Plan::Create(map) => self.api.create(&map).await,
            Plan::Update(map) => self.api.update(&map).await,
            Plan::Nothing => return Ok(Outcome::Done),
        };
        match written {
            Err(status) if !is_namespace_terminating(&status) => Err(status),
            _ => Ok(Outcome::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_certificates_are_published_and_repaired() {
        let namespace: Namespace = serde_json::from_value(
            json!({"metadata": {"name": "n"}, "status": {"phase": "Active"}}),
        )
        .unwrap();
        let Plan::Create(made) = plan("PEM", Some(&namespace), None) else { panic!("not made") };
        assert_eq!(made.key(), ObjectKey::new("n", NAME));
        assert_eq!(plan("PEM", Some(&namespace), Some(&made)), Plan::Nothing);
        let changed = ConfigMap { data: None, ..made.clone() };
        assert_eq!(plan("PEM", Some(&namespace), Some(&changed)), Plan::Update(made));
        assert_eq!(plan("PEM", None, None), Plan::Nothing);
        assert_eq!(plan("", Some(&namespace), None), Plan::Nothing);
    }
}
