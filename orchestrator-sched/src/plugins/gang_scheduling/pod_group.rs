//! The kind `PodGroup`, as far as scheduling needs it.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{custom_kind, gvr};
use orchestrator_core::ResourceDef;
use orchestrator_core::resource::Scope;
use orchestrator_core::schema::Schema;
use serde::{Deserialize, Serialize};

/// A group of pods that are scheduled together.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodGroup {
    /// Its name and all that every object has.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: PodGroupSpec,
}

/// What is wanted of a group.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodGroupSpec {
    /// How its pods are scheduled.
    pub scheduling_policy: SchedulingPolicy,
}

/// How the pods of a group are scheduled: one by one unless it is a gang.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SchedulingPolicy {
    /// Together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gang: Option<GangPolicy>,
}

/// What makes a gang.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GangPolicy {
    /// How many pods must be placed together.
    pub min_count: i32,
}

custom_kind!(PodGroup: "scheduling.k8s.io" / "v1alpha2", plural "podgroups", scope Namespace);

impl PodGroup {
    /// How many pods must be placed together; `None` where they are placed one by one.
    pub fn min_count(&self) -> Option<usize> {
        let gang = self.spec.scheduling_policy.gang.as_ref()?;
        Some(usize::try_from(gang.min_count).unwrap_or_default())
    }
}

/// The kind, to be served: with upstream's fields, checked as those of all built-in kinds.
pub fn definition() -> ResourceDef {
    let mut def = ResourceDef::new(gvr::<PodGroup>(), "PodGroup", Scope::Namespaced);
    let schema = Schema::builtin();
    let known = schema.kind(&def.gvr.group, &def.gvr.version, &def.kind);
    def.definition = known.map(|known| known.name.clone());
    def.schema = Arc::clone(schema);
    def
}
