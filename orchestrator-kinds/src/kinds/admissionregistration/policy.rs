//! ValidatingAdmissionPolicy and MutatingAdmissionPolicy: expressions that decide.

use orchestrator_cel::{Env, Type};
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::expressions::{self, Scope, Wanted, is_identifier, with_changes, with_variables};
use super::matching::{check_conditions, check_match, check_rules, fill_match, fill_rules};
use crate::fields::{Fields, Fill};
use crate::format::labels::qualified_name;
use crate::format::names::dns1035_label;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const REASONS: [&str; 3] = ["Forbidden", "Invalid", "RequestEntityTooLarge"];

/// The rules of an admission policy.
#[derive(Debug)]
pub struct AdmissionPolicy {
    /// Whether the policy changes what it looks at.
    pub mutating: bool,
}

impl Rules for AdmissionPolicy {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill("failurePolicy", "Fail");
        if let Some(constraints) = spec.map_at("matchConstraints") {
            fill_match(constraints);
            fill_rules(constraints, "resourceRules");
            fill_rules(constraints, "excludeResourceRules");
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        match spec.text("failurePolicy") {
            "Fail" | "Ignore" => {}
            "" => errors.required(&SPEC.child("failurePolicy"), ""),
            other => {
                errors.unsupported(&SPEC.child("failurePolicy"), other, &["Fail", "Ignore"]);
            }
        }
        if let Some(kind) = spec.get_set("paramKind") {
            check_parameters(kind, &SPEC.child("paramKind"), errors);
        }
        check_constraints(spec, errors);
        let scope = Scope { params: spec.has("paramKind"), authorizer: true };
        let env = expressions::env(scope);
        let conditions = spec.list("matchConditions");
        check_conditions(conditions, &env, &SPEC.child("matchConditions"), errors);
        let variables = check_variables(spec.list("variables"), &env, errors);
        let env = with_variables(env, &variables);
        match self.mutating {
            true => check_mutations(spec, &with_changes(env), errors),
            false => {
                let plain = expressions::env(Scope { authorizer: false, ..scope });
                let plain = with_variables(plain, &variables);
                check_validations(spec, &Envs { env, plain }, errors);
                check_annotations(new, errors, scope, &variables);
            }
        }
    }

    fn empty_status(&self) -> Option<Json> {
        (!self.mutating).then(|| json!({}))
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn check_parameters(kind: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let version = kind.text("apiVersion");
    if version.is_empty() {
        errors.required(&path.child("apiVersion"), "");
    } else if version.split('/').count() > 2 {
        let detail = "unexpected GroupVersion string";
        errors.invalid(&path.child("apiVersion"), version, detail);
    }
    let kind = kind.text("kind");
    if kind.is_empty() {
        errors.required(&path.child("kind"), "");
        return;
    }
    let faults = dns1035_label(&kind.to_lowercase());
    if !faults.is_empty() {
        let faults = faults.join(",");
        let detail = format!("may have mixed case, but should otherwise match: {faults}");
        errors.invalid(&path.child("kind"), kind, detail);
    }
}

fn check_constraints(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("matchConstraints");
    let Some(constraints) = spec.get_set("matchConstraints") else {
        errors.required(&path, "");
        return;
    };
    check_match(constraints, &path, errors);
    if constraints.list("resourceRules").is_empty() {
        errors.required(&path.child("resourceRules"), "");
    }
    for list in ["resourceRules", "excludeResourceRules"] {
        check_rules(constraints.list(list), &path.child(list), errors);
    }
}

/// Checks the variables; their names and types.
fn check_variables(variables: &[Json], env: &Env, errors: &mut FieldErrors) -> Vec<(String, Type)> {
    let path = SPEC.child("variables");
    let mut known: Vec<(String, Type)> = Vec::new();
    for (i, variable) in variables.iter().enumerate() {
        let path = path.index(i);
        let (name, expression) = (variable.text("name"), variable.text("expression"));
        if name.trim().is_empty() {
            errors.required(&path.child("name"), "name is not specified");
        } else if !is_identifier(name) {
            errors.invalid(&path.child("name"), name, "name is not a valid CEL identifier");
        }
        if expression.trim().is_empty() {
            errors.required(&path.child("expression"), "expression is not specified");
            continue;
        }
        // A variable may use those before it.
        let env = with_variables(env.clone(), &known);
        let path = path.child("expression");
        let ty = expressions::check(&env, expression, Wanted::Anything, &path, errors);
        known.push((name.to_owned(), ty));
    }
    known
}

/// The environment of rules, and that of their messages, which cannot ask the authorizer.
struct Envs {
    env: Env,
    plain: Env,
}

fn check_validations(spec: &Json, envs: &Envs, errors: &mut FieldErrors) {
    let path = SPEC.child("validations");
    let (validations, notes) = (spec.list("validations"), spec.list("auditAnnotations"));
    if validations.is_empty() && notes.is_empty() {
        const DETAIL: &str = "validations or auditAnnotations must contain at least one item";
        errors.required(&path, DETAIL);
        errors.required(&SPEC.child("auditAnnotations"), DETAIL);
    }
    for (i, validation) in validations.iter().enumerate() {
        check_validation(validation, envs, &path.index(i), errors);
    }
}

fn check_validation(validation: &Json, envs: &Envs, path: &Path<'_>, errors: &mut FieldErrors) {
    let expression = validation.text("expression");
    match expression.trim().is_empty() {
        true => errors.required(&path.child("expression"), "expression is not specified"),
        false => {
            let path = path.child("expression");
            expressions::check(&envs.env, expression, Wanted::Bool, &path, errors);
        }
    }
    let expression = validation.text("messageExpression");
    let message_path = path.child("messageExpression");
    if !expression.is_empty() && expression.trim().is_empty() {
        errors.invalid(&message_path, expression, "must be non-empty if specified");
    } else if !expression.is_empty() {
        expressions::check(&envs.plain, expression, Wanted::Text, &message_path, errors);
    }
    let message = validation.text("message");
    if !message.is_empty() && message.trim().is_empty() {
        let detail = "message must be non-empty if specified";
        errors.invalid(&path.child("message"), message, detail);
    } else if message.trim().contains(['\n', '\r']) {
        errors.invalid(&path.child("message"), message, "message must not contain line breaks");
    }
    if let Some(reason) = validation.sub("reason").as_str()
        && !REASONS.contains(&reason)
    {
        errors.unsupported(&path.child("reason"), reason, &REASONS);
    }
}

/// How many annotations one policy may make, and how long an expression for one may be.
const ANNOTATIONS_MAX: usize = 20;
const ANNOTATION_BYTES_MAX: usize = 5 * 1024;

fn check_annotations(
    policy: &Object,
    errors: &mut FieldErrors,
    scope: Scope,
    variables: &[(String, Type)],
) {
    let path = SPEC.child("auditAnnotations");
    let notes = policy.sub("spec").list("auditAnnotations");
    if notes.is_empty() {
        return;
    }
    if notes.len() > ANNOTATIONS_MAX {
        let detail = format!("must not have more than {ANNOTATIONS_MAX} auditAnnotations");
        errors.invalid(&path, policy.sub("spec").sub("auditAnnotations"), detail);
    }
    let env = with_variables(expressions::env(scope), variables);
    for (i, note) in notes.iter().enumerate() {
        let (path, key) = (path.index(i), note.text("key"));
        match policy.name() {
            "" => {
                let detail = "requires metadata.name be non-empty";
                errors.invalid(&path.child("key"), key, detail);
            }
            name => {
                let full = format!("{name}/{key}");
                errors.faults(&path.child("key"), &full, qualified_name(&full));
            }
        }
        let (expression, path) = (note.text("valueExpression"), path.child("valueExpression"));
        if expression.trim().is_empty() {
            errors.required(&path, "valueExpression is not specified");
        } else if expression.trim().len() > ANNOTATION_BYTES_MAX {
            let detail = format!("must not exceed {ANNOTATION_BYTES_MAX} bytes in length");
            errors.required(&path, detail);
        } else {
            expressions::check(&env, expression, Wanted::TextOrNull, &path, errors);
        }
        if notes[..i].iter().any(|earlier| earlier.text("key") == key) {
            let path = SPEC.child("auditAnnotations");
            errors.duplicate(&path.index(i).child("key"), key, "");
        }
    }
}

fn check_mutations(spec: &Json, env: &Env, errors: &mut FieldErrors) {
    let path = SPEC.child("mutations");
    let mutations = spec.list("mutations");
    if mutations.is_empty() {
        errors.required(&path, "mutations must contain at least one item");
    }
    for (i, mutation) in mutations.iter().enumerate() {
        check_mutation(mutation, env, &path.index(i), errors);
    }
    match spec.text("reinvocationPolicy") {
        "Never" | "IfNeeded" => {}
        "" => errors.required(&SPEC.child("reinvocationPolicy"), ""),
        other => {
            let path = SPEC.child("reinvocationPolicy");
            errors.unsupported(&path, other, &["IfNeeded", "Never"]);
        }
    }
}

/// Checks a mutation: it has what its type says, and nothing else.
fn check_mutation(mutation: &Json, env: &Env, path: &Path<'_>, errors: &mut FieldErrors) {
    let (name, field, other, wanted) = match mutation.text("patchType") {
        name @ "ApplyConfiguration" => {
            (name, "applyConfiguration", "jsonPatch", Wanted::Configuration)
        }
        name @ "JSONPatch" => (name, "jsonPatch", "applyConfiguration", Wanted::Patch),
        "" => {
            errors.required(&path.child("patchType"), "");
            return;
        }
        unknown => {
            const TYPES: [&str; 2] = ["ApplyConfiguration", "JSONPatch"];
            errors.unsupported(&path.child("patchType"), unknown, &TYPES);
            return;
        }
    };
    let at = path.child(field);
    match mutation.get_set(field) {
        None => {
            errors.required(&at, format!("must be specified when patchType is {name}"));
        }
        Some(change) if change.text("expression").trim().is_empty() => {
            errors.required(&at.child("expression"), "expression is not specified");
        }
        Some(change) => {
            let expression = change.text("expression");
            expressions::check(env, expression, wanted, &at.child("expression"), errors);
        }
    }
    if mutation.has(other) {
        let detail = format!("must not be specified when patchType is {name}");
        errors.invalid(&path.child(other), format!("{{{other}}}").as_str(), detail);
    }
}
