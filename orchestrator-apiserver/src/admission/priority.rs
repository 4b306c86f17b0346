//! `Priority`: the number behind a pod's priority class.

use async_trait::async_trait;
use orchestrator_core::object::Object;
use orchestrator_core::value::Item;
use orchestrator_core::{GroupVersionResource, Json, Status};

use super::{Admission, AdmissionRequest, Operation};

/// What a pod preempts whose class says nothing about it.
const PREEMPTS: &str = "PreemptLowerPriority";

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Priority;

/// What a class means for a pod.
struct Computed {
    class: String,
    value: i64,
    preemption: String,
}

fn classes() -> GroupVersionResource {
    GroupVersionResource::new("scheduling.k8s.io", "v1", "priorityclasses")
}

#[async_trait]
impl Admission for Priority {
    fn name(&self) -> &'static str {
        "Priority"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        matches!(request.operation, Operation::Create | Operation::Update)
            && (request.is_for("", "pods")
                || request.is_for("scheduling.k8s.io", "priorityclasses"))
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if !request.is_for("", "pods") {
            return Ok(());
        }
        if let Some(old) = request.old {
            // A change that leaves the priority out leaves it as it was.
            for name in ["priority", "preemptionPolicy"] {
                if request.object.at(&["spec", name]).is_none()
                    && let Some(kept) = old.at(&["spec", name])
                {
                    request.object.map_mut("spec").insert(name.into(), kept.clone());
                }
            }
            return Ok(());
        }
        let computed = compute(request).await?;
        let named = request.object.int_at(&["spec", "priority"]);
        if let Some(named) = named.filter(|named| *named != computed.value) {
            return Err(request.forbidden(format!(
                "the integer value of priority ({named}) must not be provided in pod spec; \
                 priority admission controller computed {} from the given PriorityClass name",
                computed.value
            )));
        }
        let named = request.object.text_at(&["spec", "preemptionPolicy"]);
        if !named.is_empty() && named != computed.preemption {
            return Err(request.forbidden(format!(
                "the string value of PreemptionPolicy ({named}) must not be provided in pod spec; \
                 priority admission controller computed {} from the given PriorityClass name",
                computed.preemption
            )));
        }
        let spec = request.object.map_mut("spec");
        if !computed.class.is_empty() {
            spec.insert("priorityClassName".into(), computed.class.into());
        }
        spec.insert("priority".into(), computed.value.into());
        spec.insert("preemptionPolicy".into(), computed.preemption.into());
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let is_default = |class: &Object| class.get("globalDefault") == Some(&Json::Bool(true));
        if !request.is_for("scheduling.k8s.io", "priorityclasses") || !is_default(&request.object) {
            return Ok(());
        }
        for item in request.objects.list(&classes(), "").await? {
            let other = item.tree().map_err(Status::internal)?;
            if is_default(other) && other.name() != request.object.name() {
                return Err(request.forbidden(format!(
                    "PriorityClass {} is already marked as default. Only one default can exist",
                    other.name()
                )));
            }
        }
        Ok(())
    }
}

async fn compute(request: &AdmissionRequest<'_>) -> Result<Computed, Status> {
    let name = request.object.text_at(&["spec", "priorityClassName"]);
    let class = match name {
        "" => default_class(request).await?,
        name => {
            let found = request.objects.get(&classes(), "", name).await?;
            let why = || format!("no PriorityClass with name {name} was found");
            Some(found.ok_or_else(|| request.forbidden(why()))?)
        }
    };
    let Some(class) = class else {
        return Ok(Computed { class: String::new(), value: 0, preemption: PREEMPTS.into() });
    };
    let class = class.tree().map_err(Status::internal)?;
    let preemption = match class.text_at(&["preemptionPolicy"]) {
        "" => PREEMPTS,
        policy => policy,
    };
    Ok(Computed {
        class: class.name().to_owned(),
        value: class.int_at(&["value"]).unwrap_or_default(),
        preemption: preemption.to_owned(),
    })
}

/// The class that is the default for all; the lowest where there are several.
async fn default_class(request: &AdmissionRequest<'_>) -> Result<Option<Item>, Status> {
    let mut best: Option<(i64, Item)> = None;
    for item in request.objects.list(&classes(), "").await? {
        let class = item.tree().map_err(Status::internal)?;
        let value = class.int_at(&["value"]).unwrap_or_default();
        let is_default = class.get("globalDefault") == Some(&Json::Bool(true));
        if is_default && best.as_ref().is_none_or(|(lowest, _)| value < *lowest) {
            best = Some((value, item));
        }
    }
    Ok(best.map(|(_, item)| item))
}
