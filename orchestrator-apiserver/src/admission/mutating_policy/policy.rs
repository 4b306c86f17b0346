//! A policy and its bindings, read once.

use orchestrator_core::Json;
use orchestrator_core::object::Object;
use orchestrator_kinds::kinds::admissionregistration::expressions::{
    self, Scope, Wanted, with_changes,
};

use crate::admission::expression::{Compiled, Condition, Variables};
use crate::admission::matching::Matching;
use crate::admission::params::{ParamKind, ParamRef};

/// A policy that changes objects.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: String,
    /// Whether what cannot be done is refused.
    pub(crate) fails: bool,
    /// Whether it wants to see what others did after it.
    pub(crate) again: bool,
    pub(crate) matching: Matching,
    pub(crate) params: Option<ParamKind>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) variables: Variables,
    pub(crate) mutations: Vec<Mutation>,
}

/// One of its changes.
#[derive(Debug)]
pub(crate) struct Mutation {
    /// Whether the expression makes a patch, and not a configuration.
    pub(crate) is_patch: bool,
    pub(crate) expression: Compiled,
}

/// Where a policy holds.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) policy: String,
    pub(crate) params: Option<ParamRef>,
    pub(crate) matching: Option<Matching>,
}

static NOTHING: Json = Json::Null;

fn text<'o>(of: &'o Json, field: &str) -> &'o str {
    of.get(field).and_then(Json::as_str).unwrap_or_default()
}

impl Policy {
    /// Reads a stored policy.
    pub(crate) fn read(object: &Object) -> Self {
        let spec = object.get("spec").unwrap_or(&NOTHING);
        let params = ParamKind::read(spec.get("paramKind"));
        let env = expressions::env(Scope { params: params.is_some(), authorizer: true });
        let conditions = Condition::all(spec.get("matchConditions"), &env);
        let (variables, env) = Variables::read(spec.get("variables"), env);
        let env = with_changes(env);
        let mutations = spec.get("mutations").and_then(Json::as_array).into_iter().flatten();
        let mutations = mutations.map(|mutation| {
            let is_patch = text(mutation, "patchType") == "JSONPatch";
            let (field, wanted) = match is_patch {
                true => ("jsonPatch", Wanted::Patch),
                false => ("applyConfiguration", Wanted::Configuration),
            };
            let source = mutation.get(field).map_or("", |change| text(change, "expression"));
            Mutation { is_patch, expression: Compiled::new(&env, source, wanted) }
        });
        let constraints = spec.get("matchConstraints").unwrap_or(&NOTHING);
        Self {
            name: object.name().to_owned(),
            fails: text(spec, "failurePolicy") != "Ignore",
            again: text(spec, "reinvocationPolicy") == "IfNeeded",
            matching: Matching::read(constraints, "resourceRules"),
            params,
            conditions,
            mutations: mutations.collect(),
            variables,
        }
    }
}

impl Binding {
    /// Reads a stored binding.
    pub(crate) fn read(object: &Object) -> Self {
        let spec = object.get("spec").unwrap_or(&NOTHING);
        let matching = spec.get("matchResources").filter(|matching| !matching.is_null());
        Self {
            name: object.name().to_owned(),
            policy: text(spec, "policyName").to_owned(),
            params: ParamRef::read(spec.get("paramRef")),
            matching: matching.map(|matching| Matching::read(matching, "resourceRules")),
        }
    }
}
