//! A policy and its bindings, read once.

use orchestrator_core::Json;
use orchestrator_core::object::Object;
use orchestrator_kinds::kinds::admissionregistration::expressions::{self, Scope, Wanted};

use crate::admission::expression::{Compiled, Condition, Variables};
use crate::admission::matching::Matching;
use crate::admission::params::{ParamKind, ParamRef};

/// A policy that refuses.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: String,
    /// Whether what cannot be decided is refused.
    pub(crate) fails: bool,
    pub(crate) matching: Matching,
    pub(crate) params: Option<ParamKind>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) variables: Variables,
    pub(crate) rules: Vec<Rule>,
}

/// One of its rules.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) expression: Compiled,
    pub(crate) message: String,
    pub(crate) message_expression: Option<Compiled>,
    pub(crate) reason: &'static str,
}

/// Where a policy holds, and what its refusals do.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) policy: String,
    pub(crate) params: Option<ParamRef>,
    pub(crate) matching: Option<Matching>,
    pub(crate) denies: bool,
    pub(crate) warns: bool,
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
        let scope = Scope { params: params.is_some(), authorizer: true };
        let env = expressions::env(scope);
        let conditions = Condition::all(spec.get("matchConditions"), &env);
        let (variables, env) = Variables::read(spec.get("variables"), env);
        let rules = spec.get("validations").and_then(Json::as_array).into_iter().flatten();
        let rules = rules.map(|rule| Rule {
            expression: Compiled::new(&env, text(rule, "expression"), Wanted::Bool),
            message: text(rule, "message").trim().to_owned(),
            message_expression: Compiled::at(&env, rule, "messageExpression", Wanted::Text),
            reason: reason(text(rule, "reason")),
        });
        Self {
            name: object.name().to_owned(),
            fails: text(spec, "failurePolicy") != "Ignore",
            matching: Matching::read(
                spec.get("matchConstraints").unwrap_or(&NOTHING),
                "resourceRules",
            ),
            params,
            conditions,
            rules: rules.collect(),
            variables,
        }
    }
}

fn reason(text: &str) -> &'static str {
    let known = ["Unauthorized", "Forbidden", "RequestEntityTooLarge"];
    known.into_iter().find(|known| *known == text).unwrap_or("Invalid")
}

impl Binding {
    /// Reads a stored binding.
    pub(crate) fn read(object: &Object) -> Self {
        let spec = object.get("spec").unwrap_or(&NOTHING);
        let matching = spec.get("matchResources").filter(|matching| !matching.is_null());
        let actions = spec.get("validationActions").and_then(Json::as_array);
        let acts = |wanted: &str| {
            actions.is_some_and(|actions| actions.iter().any(|action| action == wanted))
        };
        Self {
            name: object.name().to_owned(),
            policy: text(spec, "policyName").to_owned(),
            params: ParamRef::read(spec.get("paramRef")),
            matching: matching.map(|matching| Matching::read(matching, "resourceRules")),
            denies: acts("Deny"),
            warns: acts("Warn"),
        }
    }
}
