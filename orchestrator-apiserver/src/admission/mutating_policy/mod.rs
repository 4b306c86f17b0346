//! `MutatingAdmissionPolicy`: expressions that change objects.
//!
//! Policies change the object one after the other, in the order of their names. One that asks to
//! be asked again is, once, if others changed the object after it.

mod change;
mod policy;

pub(crate) use policy::{Binding, Policy};

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::object::Object;
use orchestrator_core::status::Cause;
use orchestrator_core::{GroupVersionResource, Status};

use self::change::{Change, changes};
use super::configuration::{Configuration, Configured, is_exempt};
use super::expression::{Held, Scene, hold, settle};
use super::matching::{Matched, take_back};
use super::{Admission, AdmissionRequest, Operation, changed, params};

/// The step.
#[derive(Debug, Default)]
pub struct MutatingAdmissionPolicy {
    configured: Arc<Configured>,
}

impl MutatingAdmissionPolicy {
    pub(super) fn new(configured: Arc<Configured>) -> Self {
        Self { configured }
    }
}

#[async_trait]
impl Admission for MutatingAdmissionPolicy {
    fn name(&self) -> &'static str {
        "MutatingAdmissionPolicy"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        // What is deleted is not changed.
        !is_exempt(request) && matches!(request.operation, Operation::Create | Operation::Update)
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let configuration = Arc::clone(self.configured.of(request).await?);
        if configuration.mutating_policies.is_empty() {
            return Ok(());
        }
        let mut last = None;
        for (place, policy) in configuration.mutating_policies.values().enumerate() {
            if run(request, &configuration, policy).await? {
                last = Some(place);
            }
        }
        let Some(last) = last else { return Ok(()) };
        for policy in configuration.mutating_policies.values().take(last) {
            if policy.again {
                run(request, &configuration, policy).await?;
            }
        }
        Ok(())
    }
}

/// Lets a policy change the object; whether it did.
async fn run(
    request: &mut AdmissionRequest<'_>,
    configuration: &Configuration,
    policy: &Policy,
) -> Result<bool, Status> {
    let bindings = configuration.mutating_bindings.values();
    let mut any = false;
    for binding in bindings.filter(|binding| binding.policy == policy.name) {
        let used = params_of(request, policy, binding).await?;
        for params in used {
            for mutation in 0..policy.mutations.len() {
                let Some(found) =
                    attempt(request, policy, binding, params.as_deref(), mutation).await?
                else {
                    continue;
                };
                let (gvr, object) = found;
                let before = request.object.clone();
                take_back(request, &gvr, object).await?;
                any |= before != request.object;
            }
        }
    }
    Ok(any)
}

async fn params_of(
    request: &AdmissionRequest<'_>,
    policy: &Policy,
    binding: &Binding,
) -> Result<params::Params, Status> {
    let is_bound = match &binding.matching {
        Some(matching) => matches!(matching.matches(request, true).await?, Matched::As(_)),
        None => true,
    };
    if !is_bound || matches!(policy.matching.matches(request, false).await?, Matched::No) {
        return Ok(Vec::new());
    }
    let found = params::collect(policy.params.as_ref(), binding.params.as_ref(), request).await?;
    match found {
        Ok(params) => Ok(params),
        Err(why) if policy.fails => {
            Err(refusal(request, policy, binding, &format!("failed to configure binding: {why}")))
        }
        Err(_) => Ok(Vec::new()),
    }
}

/// A changed object, in the version of this resource.
type Made = (GroupVersionResource, Object);

/// The object as one mutation of a policy makes it; `None` where it makes nothing of it.
async fn attempt(
    request: &AdmissionRequest<'_>,
    policy: &Policy,
    binding: &Binding,
    params: Option<&Object>,
    mutation: usize,
) -> Result<Option<Made>, Status> {
    let Matched::As(subject) = policy.matching.matches(request, false).await? else {
        return Ok(None);
    };
    let Some(object) = subject.object.as_deref() else { return Ok(None) };
    let scene = Scene::new(request, &subject).await?;
    let change = settle(request, |known| {
        match hold(&policy.conditions, &scene.variables(None, params, None), known)? {
            Held::Yes => changes(policy, mutation, &scene, params, known),
            Held::No(_) => Ok(Change::None),
            Held::Failed(why) => Ok(Change::Failed(why)),
        }
    });
    let made = match change.await? {
        Change::None => return Ok(None),
        Change::Failed(why) => Err(why),
        Change::Merge(configuration) => {
            changed::merged(request, &subject.resource, object, configuration)
        }
        Change::Patch(patch) => changed::patched(object, patch.to_string().as_bytes()),
    };
    let made = made.and_then(|object| changed::decoded(request, &subject.resource, object));
    match made {
        Ok(object) => Ok(Some((subject.resource.clone(), object))),
        Err(why) if policy.fails => Err(refusal(request, policy, binding, &why)),
        Err(_) => Ok(None),
    }
}

/// 403, or what a policy that cannot be followed is answered with.
fn refusal(
    request: &AdmissionRequest<'_>,
    policy: &Policy,
    binding: &Binding,
    why: &str,
) -> Status {
    let (policy, binding) = (&policy.name, &binding.name);
    let message = format!("policy '{policy}' with binding '{binding}' denied request: {why}");
    let mut status = request.forbidden(&message);
    (status.code, status.reason) = (422, "Invalid");
    status.details.causes.push(Cause { message, ..Cause::default() });
    status
}
