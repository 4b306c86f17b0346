//! `ValidatingAdmissionPolicy`: expressions that refuse.
//!
//! Every binding of every policy that looks at a request is asked; warnings of all are told, and
//! the first refusal is the answer.

mod decide;
mod policy;

pub(crate) use policy::{Binding, Policy};

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Status;
use orchestrator_core::status::Cause;

use self::decide::{Decision, decide};
use super::configuration::{Configuration, Configured, is_exempt};
use super::expression::{Scene, settle};
use super::matching::Matched;
use super::{Admission, AdmissionRequest, params};

/// The step.
#[derive(Debug, Default)]
pub struct ValidatingAdmissionPolicy {
    configured: Arc<Configured>,
}

impl ValidatingAdmissionPolicy {
    pub(super) fn new(configured: Arc<Configured>) -> Self {
        Self { configured }
    }
}

/// A refusal and who says so.
struct Refusal {
    policy: String,
    binding: String,
    message: String,
    reason: &'static str,
}

#[async_trait]
impl Admission for ValidatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionPolicy"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        !is_exempt(request)
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let configuration = self.configured.of(request).await?;
        let mut refusals = Vec::new();
        for (name, policy) in &configuration.validating_policies {
            let bindings = bindings(configuration, name);
            ask_policy(request, policy, bindings, &mut refusals).await?;
        }
        match refusals.into_iter().next() {
            None => Ok(()),
            Some(refusal) => Err(status(request, &refusal)),
        }
    }
}

/// The bindings of a policy.
fn bindings<'c>(
    configuration: &'c Configuration,
    policy: &'c str,
) -> impl Iterator<Item = &'c Arc<Binding>> {
    configuration.validating_bindings.values().filter(move |binding| binding.policy == policy)
}

async fn ask_policy(
    request: &AdmissionRequest<'_>,
    policy: &Policy,
    bindings: impl Iterator<Item = &Arc<Binding>>,
    refusals: &mut Vec<Refusal>,
) -> Result<(), Status> {
    let mut bindings = bindings.peekable();
    if bindings.peek().is_none() {
        return Ok(());
    }
    let Matched::As(subject) = policy.matching.matches(request, false).await? else {
        return Ok(());
    };
    let scene = Scene::new(request, &subject).await?;
    for binding in bindings {
        if let Some(matching) = &binding.matching
            && matches!(matching.matches(request, true).await?, Matched::No)
        {
            continue;
        }
        let refusal = |message: String, reason: &'static str| Refusal {
            policy: policy.name.clone(),
            binding: binding.name.clone(),
            message,
            reason,
        };
        let found =
            params::collect(policy.params.as_ref(), binding.params.as_ref(), request).await?;
        let params = match found {
            Ok(params) => params,
            // How the binding acts on a refusal does not count where it cannot be used at all.
            Err(why) if policy.fails => {
                refusals.push(refusal(format!("failed to configure binding: {why}"), ""));
                continue;
            }
            Err(_) => continue,
        };
        for params in &params {
            let run = |known: &_| decide(policy, &scene, params.as_deref(), known);
            for Decision { message, reason } in settle(request, run).await? {
                if binding.warns {
                    request.warn(format!(
                        "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': \
                         {message}",
                        policy.name, binding.name
                    ));
                }
                if binding.denies {
                    refusals.push(refusal(message, reason));
                }
            }
        }
    }
    Ok(())
}

/// The refusal as clients are told.
fn status(request: &AdmissionRequest<'_>, refusal: &Refusal) -> Status {
    let Refusal { policy, binding, message, reason } = refusal;
    let message = format!(
        "ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {message}"
    );
    let mut status = request.forbidden(&message);
    (status.code, status.reason) = match *reason {
        "Unauthorized" => (401, "Unauthorized"),
        "Forbidden" => (403, "Forbidden"),
        "RequestEntityTooLarge" => (413, "RequestEntityTooLarge"),
        _ => (422, "Invalid"),
    };
    status.details.causes.push(Cause { message, ..Cause::default() });
    status
}
