//! ValidatingAdmissionPolicies are told which of their generations was looked at.
//!
//! Expressions are checked against types when a policy is written, and evaluated without types
//! when it is used; there are no warnings beyond those.

use async_trait::async_trait;
use k8s_openapi::api::admissionregistration::v1::{
    TypeChecking, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyStatus,
};
use orchestrator_client::{Api, Informer, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::deps::ControllerDeps;

/// Keeps the statuses of admission policies.
#[derive(Debug)]
pub struct AdmissionPolicyStatusController {
    policies: Informer<ValidatingAdmissionPolicy>,
    api: Api<ValidatingAdmissionPolicy>,
}

impl AdmissionPolicyStatusController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self { policies: deps.informers.of(), api: deps.client().api() }
    }
}

/// The status that a policy lacks.
fn plan(policy: &ValidatingAdmissionPolicy) -> Option<ValidatingAdmissionPolicyStatus> {
    let generation = policy.metadata.generation;
    let status = policy.status.clone().unwrap_or_default();
    (status.observed_generation < generation).then_some(ValidatingAdmissionPolicyStatus {
        observed_generation: generation,
        type_checking: Some(TypeChecking { expression_warnings: None }),
        ..status
    })
}

#[async_trait]
impl Controller for AdmissionPolicyStatusController {
    fn name(&self) -> &str {
        "validatingadmissionpolicy-status"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<ValidatingAdmissionPolicy>())]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(policy) = self.policies.get(key) else { return Ok(Outcome::Done) };
        if let Some(status) = plan(&policy) {
            let policy = ValidatingAdmissionPolicy { status: Some(status), ..(*policy).clone() };
            self.api.update_status(&policy).await?;
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_generation_is_looked_at_once() {
        let mut policy: ValidatingAdmissionPolicy =
            serde_json::from_value(json!({"metadata": {"generation": 1}})).unwrap();
        policy.status = plan(&policy);
        assert_eq!(policy.status.as_ref().unwrap().observed_generation, Some(1));
        assert_eq!(plan(&policy), None);
        policy.metadata.generation = Some(2);
        assert!(plan(&policy).is_some());
    }
}
