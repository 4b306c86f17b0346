//! Admission: what the cluster as a whole has to say about a write.
//!
//! A write passes an ordered chain of [`Admission`] steps twice: each may change the object, then,
//! after defaulting and validation, each may refuse it. The steps that are on by default are in
//! this folder, one file each, in one shape; [`builtin`] lists them in their order.

mod request;

pub use request::{AdmissionRequest, Operation};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Status;

/// One step of the admission chain.
///
/// # Contract
/// - [`mutate`](Self::mutate) sees the object after defaulting and may change it; the server
///   defaults and validates what comes out.
/// - [`validate`](Self::validate) sees the object as it will be stored and may refuse it.
/// - Both may run more than once for one request: an update is tried again when the object
///   changed meanwhile. Neither leaves a trace for a dry run.
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
    Vec::new()
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
}
