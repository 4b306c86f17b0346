//! Orphans: pods that the runtime has and the API does not, ended when an agent starts.

use std::sync::{Arc, Weak};

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::Informer;
use orchestrator_core::runtime::PodState;

use super::context::Context;
use super::pods::Pods;

/// Waits until all pods of the API are known, and ends what else there is.
pub(super) async fn run(context: Arc<Context>, pods: Informer<Pod>, table: Weak<Pods>) {
    pods.synced().await;
    let states = match context.runtime.pods(None).await {
        Ok(states) => states,
        Err(error) => return tracing::warn!(error = %error.chain(), "runtime not listed"),
    };
    let Some(table) = table.upgrade() else { return };
    for state in states {
        table.orphan(pod_of(&state));
    }
}

/// As much of a pod as the runtime knows: enough to end it.
fn pod_of(state: &PodState) -> Pod {
    let mut names: Vec<&str> = state.containers.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let container = |name: &str| Container { name: name.into(), ..Container::default() };
    Pod {
        metadata: ObjectMeta {
            name: Some(state.name.clone()),
            namespace: Some(state.namespace.clone()),
            uid: Some(state.uid.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            containers: names.into_iter().map(container).collect(),
            ..PodSpec::default()
        }),
        status: None,
    }
}
