//! Admission: what the cluster as a whole has to say about a write.
//!
//! A write passes an ordered chain of [`Admission`] steps twice: each may change the object, then,
//! after defaulting and validation, each may refuse it. The steps that are on by default are in
//! this folder, one file each, in one shape; [`builtin`] lists them in their order.

mod certificate_requester;
mod certificate_subject;
mod changed;
mod configuration;
mod default_ingress_class;
mod default_storage_class;
mod default_toleration_seconds;
mod expression;
mod limit_ranger;
mod matching;
mod mutating_policy;
mod namespace_lifecycle;
mod node_features;
mod node_restriction;
mod params;
mod pod;
mod pod_security;
mod pod_topology;
mod priority;
mod request;
mod resource_quota;
mod runtime_class;
mod seen;
mod service_account;
mod storage_in_use;
mod taint_nodes;
mod validating_policy;
mod volume_resize;
pub(crate) mod webhook;

pub use certificate_requester::CertificateRequester;
pub use certificate_subject::CertificateSubjectRestriction;
pub use default_ingress_class::DefaultIngressClass;
pub use default_storage_class::DefaultStorageClass;
pub use default_toleration_seconds::DefaultTolerationSeconds;
pub use limit_ranger::LimitRanger;
pub use mutating_policy::MutatingAdmissionPolicy;
pub use namespace_lifecycle::NamespaceLifecycle;
pub use node_features::NodeDeclaredFeatureValidator;
pub use node_restriction::NodeRestriction;
pub use pod_security::PodSecurity;
pub use pod_topology::PodTopologyLabels;
pub use priority::Priority;
pub use request::{AdmissionRequest, Operation};
pub use resource_quota::ResourceQuota;
pub use runtime_class::RuntimeClass;
pub use seen::Seen;
pub use service_account::ServiceAccount;
pub use storage_in_use::StorageObjectInUseProtection;
pub use taint_nodes::TaintNodesByCondition;
pub use validating_policy::ValidatingAdmissionPolicy;
pub use volume_resize::PersistentVolumeClaimResize;
pub use webhook::{MutatingAdmissionWebhook, ValidatingAdmissionWebhook};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Status;

/// One step of the admission chain.
///
/// # Contract
/// - [`mutate`](Self::mutate) sees the object after defaulting and may change it; what comes out
///   is validated, not defaulted again.
/// - [`validate`](Self::validate) sees the object as it will be stored and may refuse it.
/// - Both may run more than once for one request: an update is tried again when the object
///   changed meanwhile. Neither leaves a trace for a dry run.
/// - A new object comes without its `metadata.managedFields`, which are stored with it.
/// - For a deletion the object is empty, and the object to be deleted is the old one.
#[async_trait]
pub trait Admission: fmt::Debug + Send + Sync + 'static {
    /// The name, as in `NamespaceLifecycle`.
    fn name(&self) -> &'static str;

    /// Whether the step has anything to say about requests like this one.
    fn handles(&self, _request: &AdmissionRequest<'_>) -> bool {
        true
    }

    /// Changes the object, or refuses it.
    ///
    /// # Errors
    /// The refusal.
    async fn mutate(&self, _request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        Ok(())
    }

    /// Refuses the object, or lets it pass.
    ///
    /// # Errors
    /// The refusal.
    async fn validate(&self, _request: &AdmissionRequest<'_>) -> Result<(), Status> {
        Ok(())
    }
}

/// The steps that are on by default, in their order.
pub fn builtin() -> Vec<Arc<dyn Admission>> {
    let configured = Arc::new(configuration::Configured::default());
    vec![
        Arc::new(NamespaceLifecycle),
        Arc::new(LimitRanger),
        Arc::new(ServiceAccount),
        Arc::new(TaintNodesByCondition),
        Arc::new(PodSecurity),
        Arc::new(Priority),
        Arc::new(DefaultTolerationSeconds),
        Arc::new(DefaultStorageClass),
        Arc::new(StorageObjectInUseProtection),
        Arc::new(PersistentVolumeClaimResize),
        Arc::new(RuntimeClass),
        Arc::new(CertificateRequester),
        Arc::new(CertificateSubjectRestriction),
        Arc::new(DefaultIngressClass),
        Arc::new(NodeDeclaredFeatureValidator),
        Arc::new(PodTopologyLabels),
        Arc::new(MutatingAdmissionPolicy::new(Arc::clone(&configured))),
        Arc::new(MutatingAdmissionWebhook::new(Arc::clone(&configured))),
        Arc::new(ValidatingAdmissionPolicy::new(Arc::clone(&configured))),
        Arc::new(ValidatingAdmissionWebhook::new(configured)),
        // Last: what others refuse uses nothing up.
        Arc::new(ResourceQuota),
    ]
}

/// Runs the mutating half of the chain.
pub(crate) async fn mutate(
    chain: &[Arc<dyn Admission>],
    request: &mut AdmissionRequest<'_>,
) -> Result<(), Status> {
    for step in chain {
        if step.handles(request) {
            step.mutate(request).await?;
        }
    }
    Ok(())
}

/// Runs the validating half of the chain.
pub(crate) async fn validate(
    chain: &[Arc<dyn Admission>],
    request: &AdmissionRequest<'_>,
) -> Result<(), Status> {
    for step in chain {
        if step.handles(request) {
            step.validate(request).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Admission) {}

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let mut names: Vec<_> = builtin().iter().map(|step| step.name()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
