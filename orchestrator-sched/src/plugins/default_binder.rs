//! DefaultBinder: binds through the pod's `binding` subresource.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::Client;
use orchestrator_core::Object;
use orchestrator_core::scheduler::PodInfo;
use serde_json::json;

use crate::framework::{BindPlugin, Bound, Plugin, Points, Refusal};

/// Binds every pod.
#[derive(Debug)]
pub struct DefaultBinder;

impl Plugin for DefaultBinder {
    fn name(&self) -> &'static str {
        "DefaultBinder"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.bind(self);
    }
}

#[async_trait]
impl BindPlugin for DefaultBinder {
    async fn bind(&self, client: &Client, pod: &PodInfo, node: &str) -> Result<Bound, Refusal> {
        let api = client.api::<Pod>();
        match api.create_sub(&pod.key, "binding", binding(pod, node)).await {
            Ok(_) => Ok(Bound::Done),
            Err(status) => Err(Refusal::resolvable(status.to_string())),
        }
    }
}

/// The request; with the uid, so that it does not bind a later pod of the same name.
fn binding(pod: &PodInfo, node: &str) -> Object {
    let mut object = Object::new("v1", "Binding");
    object.set_meta("name", pod.key.name.as_ref());
    object.set_meta("namespace", pod.key.namespace.as_ref());
    object.set_meta("uid", pod.pod.metadata.uid.as_deref().unwrap_or_default());
    object.set("target", json!({"apiVersion": "v1", "kind": "Node", "name": node}));
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;

    #[test]
    fn a_binding_names_the_pod_and_the_node() {
        let object = binding(&pod("p", json!({})), "n1").into_json();
        assert_eq!(object["target"]["name"], "n1");
        assert_eq!(
            (&object["metadata"]["name"], &object["kind"]),
            (&json!("p"), &json!("Binding"))
        );
    }
}
