//! `LimitRanger`: the limits that a namespace sets for single objects.
//!
//! A `LimitRange` gives containers the requests and
//! limits that they leave out ([`defaults`]), and says how much a container, a pod or a claim may
//! ask for ([`bounds`]).

mod bounds;
mod defaults;

use async_trait::async_trait;
use orchestrator_core::value::Item;
use orchestrator_core::{Json, Status};

use super::{Admission, AdmissionRequest, Operation};

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct LimitRanger;

#[async_trait]
impl Admission for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        match request.operation {
            Operation::Create => {
                request.is_for("", "pods") || request.is_for("", "persistentvolumeclaims")
            }
            Operation::Update => request.is_for("", "persistentvolumeclaims"),
            _ => false,
        }
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if !request.is_for("", "pods") {
            return Ok(());
        }
        let (seen, objects) = (request.seen, request.objects);
        for range in seen.limit_ranges(objects, request.namespace).await? {
            defaults::fill(&mut request.object, limits(range)?);
        }
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let is_pod = request.is_for("", "pods");
        for range in ranges(request).await? {
            let errors = match is_pod {
                true => bounds::check_pod(&request.object, limits(range)?),
                false => bounds::check_claim(&request.object, limits(range)?),
            };
            match &errors[..] {
                [] => {}
                [error] => return Err(request.forbidden(error)),
                errors => return Err(request.forbidden(format!("[{}]", errors.join(", ")))),
            }
        }
        Ok(())
    }
}

async fn ranges<'r>(request: &'r AdmissionRequest<'_>) -> Result<&'r [Item], Status> {
    request.seen.limit_ranges(request.objects, request.namespace).await
}

/// The limits of a range, one per type of object.
fn limits(range: &Item) -> Result<&[Json], Status> {
    let tree = range.tree().map_err(Status::internal)?;
    let limits = tree.at(&["spec", "limits"]).and_then(Json::as_array);
    Ok(limits.map_or(&[], Vec::as_slice))
}
