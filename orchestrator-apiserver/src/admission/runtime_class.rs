//! `RuntimeClass`: what a pod's runtime class adds to the pod.

use async_trait::async_trait;
use orchestrator_core::object::map_entry;
use orchestrator_core::{GroupVersionResource, Json, Status};

use super::pod::list_mut;
use super::{Admission, AdmissionRequest, Operation};

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuntimeClass;

#[async_trait]
impl Admission for RuntimeClass {
    fn name(&self) -> &'static str {
        "RuntimeClass"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create && request.is_for("", "pods")
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let name = request.object.text_at(&["spec", "runtimeClassName"]);
        let own = request.object.at(&["spec", "overhead"]);
        if name.is_empty() {
            return match own.and_then(Json::as_object).is_some_and(|own| !own.is_empty()) {
                true => Err(request.forbidden(
                    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined \
                     Overhead",
                )),
                false => Ok(()),
            };
        }
        let gvr = GroupVersionResource::new("node.k8s.io", "v1", "runtimeclasses");
        let Some(class) = request.objects.get(&gvr, "", name).await? else {
            let why = format!("pod rejected: RuntimeClass {name:?} not found");
            return Err(request.forbidden(why));
        };
        let class = class.tree().map_err(Status::internal)?;
        if let Some(overhead) = class.at(&["overhead", "podFixed"]) {
            if own.is_some_and(|own| own != overhead) {
                return Err(request.forbidden(
                    "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
                ));
            }
            request.object.map_mut("spec").insert("overhead".into(), overhead.clone());
        }
        place(request, class.get("scheduling"))
    }
}

/// Lets the pod run only where the class says that it can.
fn place(request: &mut AdmissionRequest<'_>, scheduling: Option<&Json>) -> Result<(), Status> {
    let Some(scheduling) = scheduling else { return Ok(()) };
    if let Some(wanted) = scheduling.get("nodeSelector").and_then(Json::as_object) {
        let selector = map_entry(request.object.map_mut("spec"), "nodeSelector");
        for (key, value) in wanted {
            if selector.insert(key.clone(), value.clone()).is_some_and(|own| own != *value) {
                return Err(request.forbidden(format!(
                    "pod rejected: conflict: runtimeClass.scheduling.nodeSelector[{key}] = {}; \
                     pod.spec.nodeSelector[{key}] differs",
                    value.as_str().unwrap_or_default()
                )));
            }
        }
    }
    if let Some(more) = scheduling.get("tolerations").and_then(Json::as_array) {
        let tolerations = list_mut(request.object.map_mut("spec"), "tolerations");
        for toleration in more {
            if !tolerations.contains(toleration) {
                tolerations.push(toleration.clone());
            }
        }
    }
    Ok(())
}
