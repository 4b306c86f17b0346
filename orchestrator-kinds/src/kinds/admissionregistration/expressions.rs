//! What the expressions of policies and of match conditions may speak of.
//!
//! The same environments check an expression when it is written and compile it when it is used, so
//! what was accepted can be evaluated.

use std::sync::{Arc, LazyLock};

use orchestrator_cel::{Env, Opaque, Program, Record, Type};
use orchestrator_core::field::{FieldErrors, Path};

use crate::report::Report;

/// The variables of a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Whether the policy has parameters.
    pub params: bool,
    /// Whether the authorizer can be asked.
    pub authorizer: bool,
}

/// What an expression must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A truth value.
    Bool,
    /// A text.
    Text,
    /// A text or null.
    TextOrNull,
    /// Anything.
    Anything,
    /// The fields of an object that are applied to it.
    Configuration,
    /// The steps of a JSON patch.
    Patch,
}

fn object(name: &str, fields: &[(&'static str, Type)]) -> Type {
    Type::Object(Record::plain(name, fields.iter().cloned()))
}

/// The type of `request`.
fn request() -> Type {
    const S: Type = Type::STRING;
    let kind = object("kubernetes.GroupVersionKind", &[("group", S), ("version", S), ("kind", S)]);
    let resource =
        object("kubernetes.GroupVersionResource", &[("group", S), ("version", S), ("resource", S)]);
    let texts = Type::list(S);
    let user = object(
        "kubernetes.UserInfo",
        &[("username", S), ("uid", S), ("groups", texts.clone()), ("extra", Type::map(S, texts))],
    );
    object(
        "kubernetes.AdmissionRequest",
        &[
            ("kind", kind.clone()),
            ("resource", resource.clone()),
            ("subResource", S),
            ("requestKind", kind),
            ("requestResource", resource),
            ("requestSubResource", S),
            ("name", S),
            ("namespace", S),
            ("operation", S),
            ("userInfo", user),
            ("dryRun", Type::Bool),
            ("options", Type::Dyn),
        ],
    )
}

/// The type of `namespaceObject`: what of a namespace expressions may see.
fn namespace() -> Type {
    const S: Type = Type::STRING;
    let texts = Type::map(S, S);
    let meta = object(
        "kubernetes.NamespaceMetadata",
        &[
            ("name", S),
            ("generateName", S),
            ("namespace", S),
            ("labels", texts.clone()),
            ("annotations", texts),
            ("UID", S),
            ("creationTimestamp", Type::Timestamp),
            ("deletionGracePeriodSeconds", Type::Int),
            ("deletionTimestamp", Type::Timestamp),
            ("generation", Type::Int),
            ("resourceVersion", S),
            ("finalizers", Type::list(S)),
        ],
    );
    let spec = object("kubernetes.NamespaceSpec", &[("finalizers", Type::list(S))]);
    let status = object("kubernetes.NamespaceStatus", &[("phase", S)]);
    object("kubernetes.Namespace", &[("metadata", meta), ("spec", spec), ("status", status)])
}

/// The type of `request`, made once.
pub fn request_type() -> &'static Type {
    static TYPE: LazyLock<Type> = LazyLock::new(request);
    &TYPE
}

/// The type of `namespaceObject`, made once.
pub fn namespace_type() -> &'static Type {
    static TYPE: LazyLock<Type> = LazyLock::new(namespace);
    &TYPE
}

/// The environment of a place, without the variables that a policy defines.
pub fn env(scope: Scope) -> Env {
    let mut env = Env::new()
        .variable("object", Type::Dyn)
        .variable("oldObject", Type::Dyn)
        .variable("request", request_type().clone())
        .variable("namespaceObject", namespace_type().clone());
    if scope.params {
        env = env.variable("params", Type::Dyn);
    }
    if scope.authorizer {
        env = env
            .variable("authorizer", Type::Opaque(Opaque::Authorizer))
            .variable("authorizer.requestResource", Type::Opaque(Opaque::ResourceCheck));
    }
    env
}

/// The environment with the variables that a policy has defined so far.
pub fn with_variables(env: Env, variables: &[(String, Type)]) -> Env {
    let record = Record::plain("kubernetes.variables", variables.iter().cloned());
    env.variable("variables", Type::Object(record))
}

/// The environment of the expressions that make changes.
pub fn with_changes(env: Env) -> Env {
    let patch = Record::plain(
        "JSONPatch",
        [
            ("op", Type::STRING),
            ("path", Type::STRING),
            ("from", Type::STRING),
            ("value", Type::Dyn),
        ],
    );
    env.structure("Object", Type::Object(Record::open("Object")))
        .structure("JSONPatch", Type::Object(patch))
}

/// Compiles an expression that must be of a type.
///
/// # Errors
/// What is wrong with it, as clients are told.
pub fn compile(env: &Env, source: &str, wanted: Wanted) -> Result<Program, String> {
    let program = env.compile(source).map_err(|error| format!("compilation failed: {error}"))?;
    let output = program.output();
    let is_object = |ty: &Type| matches!(ty, Type::Object(record) if record.name == "Object");
    let is_patch = |ty: &Type| matches!(ty, Type::Object(record) if record.name == "JSONPatch");
    let (fits, name) = match wanted {
        Wanted::Bool => (matches!(output, Type::Bool), "bool"),
        Wanted::Text => (matches!(output, Type::String(_)), "string"),
        Wanted::TextOrNull => (matches!(output, Type::String(_) | Type::Null), ""),
        Wanted::Anything => (true, ""),
        Wanted::Configuration => (is_object(output), "Object"),
        Wanted::Patch => {
            let fits = match output {
                Type::List(list) => is_patch(&list.item) || list.max.0 == 0,
                _ => false,
            };
            (fits, "list(JSONPatch)")
        }
    };
    match (fits, name) {
        (true, _) => Ok(program),
        (false, "") => Err("must evaluate to one of [string null_type]".into()),
        (false, name) => Err(format!("must evaluate to {name} but got {output}")),
    }
}

/// Checks an expression, and tells what it evaluates to.
pub(super) fn check(
    env: &Env,
    source: &str,
    wanted: Wanted,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) -> Type {
    match compile(env, source, wanted) {
        Ok(program) => program.output().clone(),
        Err(why) => {
            errors.invalid(path, source, why);
            Type::Dyn
        }
    }
}

/// Whether a variable may have this name.
pub(super) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && Env::new().variable(name, Type::Bool).compile(name).is_ok()
}

/// The record behind a type with fields.
pub fn record(ty: &Type) -> Option<&Arc<Record>> {
    match ty {
        Type::Object(record) => Some(record),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_held_to_their_place_and_their_type() {
        let all = env(Scope { params: true, authorizer: true });
        let rows = [
            ("object.spec.x == params.y", Wanted::Bool, Ok(())),
            ("authorizer.requestResource.check('get').allowed()", Wanted::Bool, Ok(())),
            ("request.userInfo.username", Wanted::Text, Ok(())),
            ("namespaceObject.metadata.name == request.namespace", Wanted::Bool, Ok(())),
            ("1", Wanted::Bool, Err("must evaluate to bool but got int")),
            ("object.x", Wanted::Bool, Err("must evaluate to bool but got dyn")),
            ("1", Wanted::TextOrNull, Err("must evaluate to one of [string null_type]")),
        ];
        for (source, wanted, result) in rows {
            let compiled = compile(&all, source, wanted).map(|_| ());
            assert_eq!(compiled, result.map_err(str::to_owned), "{source}");
        }
        let bare = env(Scope::default());
        assert!(compile(&bare, "params.x == 1", Wanted::Bool).is_err());
        assert!(
            compile(&bare, "authorizer.path('/x').check('get').allowed()", Wanted::Bool).is_err()
        );
    }

    #[test]
    fn changes_are_made_of_objects() {
        let env = with_changes(env(Scope::default()));
        let good = "Object{spec: Object.spec{replicas: 3}}";
        assert!(compile(&env, good, Wanted::Configuration).is_ok());
        assert!(compile(&env, "Object.spec{}", Wanted::Configuration).is_err());
        let good = "[JSONPatch{op: 'add', path: '/a', value: 1}]";
        assert!(compile(&env, good, Wanted::Patch).is_ok());
        assert!(compile(&env, "[]", Wanted::Patch).is_ok());
        assert!(compile(&env, "[JSONPatch{nope: 1}]", Wanted::Patch).is_err());
    }

    #[test]
    fn some_names_are_none_of_variables() {
        for (name, good) in
            [("a", true), ("a_1", true), ("1a", false), ("in", false), ("for", false)]
        {
            assert_eq!(is_identifier(name), good, "{name}");
        }
    }
}
