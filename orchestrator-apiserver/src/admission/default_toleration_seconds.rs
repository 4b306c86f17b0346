//! `DefaultTolerationSeconds`: a pod stays for some minutes on a node that is not ready or cannot
//! be reached, unless it says otherwise.

use async_trait::async_trait;
use orchestrator_core::{Json, Status};
use serde_json::json;

use super::pod::list_mut;
use super::{Admission, AdmissionRequest, Operation};

/// How long a pod stays, in seconds.
const STAYS_S: i64 = 300;

/// The taints that are tolerated for that long.
const TAINTS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultTolerationSeconds;

#[async_trait]
impl Admission for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        matches!(request.operation, Operation::Create | Operation::Update)
            && request.is_for("", "pods")
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let tolerations = list_mut(request.object.map_mut("spec"), "tolerations");
        let tolerates = |toleration: &Json, taint: &str| {
            let text = |name: &str| toleration.get(name).and_then(Json::as_str).unwrap_or_default();
            matches!(text("key"), key if key.is_empty() || key == taint)
                && matches!(text("effect"), "" | "NoExecute")
        };
        for taint in TAINTS {
            if !tolerations.iter().any(|toleration| tolerates(toleration, taint)) {
                tolerations.push(json!({
                    "key": taint,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": STAYS_S,
                }));
            }
        }
        Ok(())
    }
}
