//! `PodTopologyLabels`: a pod carries the zone and the region of its node.

use async_trait::async_trait;
use orchestrator_core::object::{Object, map_entry};
use orchestrator_core::{GroupVersionResource, Status};

use super::{Admission, AdmissionRequest, Operation};

/// The labels of a node that its pods take over.
const LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodTopologyLabels;

#[async_trait]
impl Admission for PodTopologyLabels {
    fn name(&self) -> &'static str {
        "PodTopologyLabels"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create && !node(request).is_empty()
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let gvr = GroupVersionResource::new("", "v1", "nodes");
        let Some(item) = request.objects.get(&gvr, "", node(request)).await? else {
            // Whether a pod may be given to a node that is not there is for others to say.
            return Ok(());
        };
        take_over(item.tree().map_err(Status::internal)?, &mut request.object);
        Ok(())
    }
}

/// The node that a new pod or a binding names.
fn node<'r>(request: &'r AdmissionRequest<'_>) -> &'r str {
    let gvr = &request.resource.def.gvr;
    match (&*gvr.group, &*gvr.resource, request.subresource) {
        ("", "pods", "") => request.object.text_at(&["spec", "nodeName"]),
        ("", "pods", "binding") | ("", "bindings", "") => {
            match request.object.text_at(&["target", "kind"]) {
                "" | "Node" => request.object.text_at(&["target", "name"]),
                _ => "",
            }
        }
        _ => "",
    }
}

fn take_over(node: &Object, object: &mut Object) {
    for key in LABELS {
        if let Some(value) = node.label(key) {
            map_entry(object.meta_mut(), "labels").insert(key.into(), value.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn zone_and_region_are_taken_over_and_nothing_else() {
        let node: Object = serde_json::from_value(json!({"metadata": {"labels":
            {"topology.kubernetes.io/zone": "z", "other": "x"}}}))
        .unwrap();
        let mut pod: Object =
            serde_json::from_value(json!({"metadata": {"labels": {"app": "a"}}})).unwrap();
        take_over(&node, &mut pod);
        let wanted = json!({"app": "a", "topology.kubernetes.io/zone": "z"});
        assert_eq!(pod.meta("labels"), Some(&wanted));
    }
}
