//! The ServiceAccount `default` in each namespace, which pods run as unless they say otherwise.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{Api, Informer, KindExt, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::deps::ControllerDeps;
use crate::namespace::{is_active, namespace_of};
use crate::workload::podcontrol::is_namespace_terminating;

/// The name of the account.
const DEFAULT: &str = "default";

/// Makes the ServiceAccount `default`; its keys are namespaces.
#[derive(Debug)]
pub struct ServiceAccountController {
    namespaces: Informer<Namespace>,
    accounts: Informer<ServiceAccount>,
    api: Api<ServiceAccount>,
}

impl ServiceAccountController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let (namespaces, accounts) = (deps.informers.of(), deps.informers.of());
        Self { namespaces, accounts, api: deps.client().api() }
    }
}

/// The account that `namespace` lacks.
fn plan(namespace: Option<&Namespace>, account: Option<&ServiceAccount>) -> Option<ServiceAccount> {
    let namespace = namespace.filter(|namespace| is_active(namespace))?;
    account.is_none().then(|| ServiceAccount {
        metadata: ObjectMeta {
            namespace: Some(namespace.name().into()),
            name: Some(DEFAULT.into()),
            ..ObjectMeta::default()
        },
        ..ServiceAccount::default()
    })
}

#[async_trait]
impl Controller for ServiceAccountController {
    fn name(&self) -> &str {
        "serviceaccount"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![
            WatchSpec::own(gvr::<Namespace>()),
            WatchSpec::new(gvr::<ServiceAccount>(), |change| namespace_of(change, DEFAULT)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let account = self.accounts.get(&ObjectKey::new(&*key.name, DEFAULT));
        if let Some(wanted) = plan(self.namespaces.get(key).as_deref(), account.as_deref()) {
            match self.api.create(&wanted).await {
                Err(status)
                    if !status.is_already_exists() && !is_namespace_terminating(&status) =>
                {
                    return Err(status);
                }
                _ => {}
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
    fn only_an_active_namespace_without_the_account_gets_one() {
        let namespace = |phase: &str| -> Namespace {
            let namespace = json!({"metadata": {"name": "n"}, "status": {"phase": phase}});
            serde_json::from_value(namespace).unwrap()
        };
        let (active, dying) = (namespace("Active"), namespace("Terminating"));
        let account = plan(Some(&active), None).unwrap();
        assert_eq!(account.key(), ObjectKey::new("n", "default"));
        assert_eq!(plan(Some(&active), Some(&account)), None);
        assert_eq!(plan(Some(&dying), None), None);
        assert_eq!(plan(None, None), None);
    }
}
