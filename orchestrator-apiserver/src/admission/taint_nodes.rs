//! `TaintNodesByCondition`: no pod comes to a new node before it is ready.

use async_trait::async_trait;
use orchestrator_core::{Json, Status};
use serde_json::json;

use super::pod::list_mut;
use super::{Admission, AdmissionRequest, Operation};

/// The taint of a node that is not ready.
const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaintNodesByCondition;

#[async_trait]
impl Admission for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create && request.is_for("", "nodes")
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let taints = list_mut(request.object.map_mut("spec"), "taints");
        let is_there = |taint: &Json| {
            taint.get("key").and_then(Json::as_str) == Some(NOT_READY)
                && taint.get("effect").and_then(Json::as_str) == Some("NoSchedule")
        };
        if !taints.iter().any(is_there) {
            taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
        }
        Ok(())
    }
}
