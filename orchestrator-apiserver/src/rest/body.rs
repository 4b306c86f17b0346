//! Bodies: from what the client sent to an object of the kind that the request is about.

use orchestrator_core::field::{FieldError, Path};
use orchestrator_core::object::{Map, Object};
use orchestrator_core::request::{Body, MediaType};
use orchestrator_core::resource::{GroupKind, GroupVersionKind, split_api_version};
use orchestrator_core::schema::decode::{self, DecodeError, Decoded, Problem, TypeMeta};
use orchestrator_core::schema::{Definition, Schema};
use orchestrator_core::{Json, Status};

use super::options::FieldValidation;
use crate::pipeline::Cx;

/// Reads the body as an object of the request's resource and fills in its defaults.
pub(crate) fn object(cx: &Cx<'_>, body: Body) -> Result<Object, Status> {
    let mut object = read(cx, body, &cx.resource.def.gvk())?;
    cx.resource.def.strategy.default(&mut object);
    Ok(object)
}

/// Reads the body as an object of `kind`; unknown fields are told of or refused as the options
/// say.
pub(crate) fn read(cx: &Cx<'_>, body: Body, kind: &GroupVersionKind) -> Result<Object, Status> {
    let (definition, schema) = definition(cx, kind);
    let decoded = match body {
        Body::Object(object) => {
            let named = (object.api_version(), object.kind(), object.name());
            check_named(cx, named, kind, || top_fields(object.as_map()))?;
            from_tree(schema, definition, object.into_json())
        }
        Body::Bytes { bytes, .. } if bytes.trim_ascii() == b"null" => {
            from_tree(schema, definition, Json::Null)
        }
        Body::Bytes { bytes, media: MediaType::Json } => {
            let named = decode::type_meta(&bytes).map_err(|e| unrecognized(kind, &e, &bytes))?;
            check_bytes(cx, &named, kind, &bytes)?;
            match definition {
                Some(definition) => decode::from_slice(schema, definition, &bytes),
                None => decode::untyped(&bytes),
            }
        }
        Body::Bytes { bytes, media: MediaType::Yaml } => {
            let tree = yaml(&bytes)?;
            let text = |name: &str| tree.get(name).and_then(Json::as_str).unwrap_or_default();
            let name = tree.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
            let fields = || tree.as_object().map(top_fields).unwrap_or_default();
            check_named(cx, (text("apiVersion"), text("kind"), name), kind, fields)?;
            from_tree(schema, definition, tree)
        }
        Body::None => from_tree(schema, definition, Json::Null),
        Body::Patch { .. } => return Err(Status::bad_request("a patch is no object")),
    };
    let decoded = decoded.map_err(|error| unreadable(kind, &error))?;
    let object = finish(cx, decoded, kind)?;
    Ok(object)
}

/// Why a tree that a patch made is no object of its kind.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecastError {
    /// It names another kind.
    #[error("{0}")]
    Kind(Status),
    /// It does not obey the schema.
    #[error("{0}")]
    Decode(#[from] DecodeError),
}

impl RecastError {
    /// The words where the tree was merged as such, and not written out and read again.
    pub(crate) fn restoring(&self) -> String {
        match self {
            Self::Kind(status) => status.message.clone(),
            Self::Decode(error) => error.restoring(),
        }
    }
}

/// Holds a tree that a patch made to the schema of `kind`.
///
/// # Errors
/// Why the tree is no object of the kind; the caller says what became of the patch.
pub(crate) fn recast(
    cx: &Cx<'_>,
    tree: Object,
    kind: &GroupVersionKind,
) -> Result<(Object, Vec<Problem>), RecastError> {
    check_kind(tree.api_version(), tree.kind(), kind).map_err(RecastError::Kind)?;
    let (definition, schema) = definition(cx, kind);
    let decoded = from_tree(schema, definition, tree.into_json())?;
    Ok((named(decoded.value, kind), decoded.problems))
}

/// Tells of unknown and duplicate fields, or refuses them.
pub(crate) fn report<P: ToString>(
    cx: &Cx<'_>,
    problems: &[P],
    strict: impl FnOnce(String) -> Status,
) -> Result<(), Status> {
    if problems.is_empty() {
        return Ok(());
    }
    match FieldValidation::of(&cx.request.options) {
        FieldValidation::Ignore => Ok(()),
        FieldValidation::Warn => {
            problems.iter().for_each(|problem| cx.warn(problem.to_string()));
            Ok(())
        }
        FieldValidation::Strict => {
            let all: Vec<String> = problems.iter().map(P::to_string).collect();
            Err(strict(format!("strict decoding error: {}", all.join(", "))))
        }
    }
}

/// Holds what the body says that it is to what it must be.
fn check_bytes(
    cx: &Cx<'_>,
    named: &TypeMeta,
    kind: &GroupVersionKind,
    bytes: &[u8],
) -> Result<(), Status> {
    let (version, what) = (named.api_version.as_str(), named.kind.as_str());
    if cx.resource.custom.is_none() {
        return check_kind(version, what, kind);
    }
    let tree = || serde_json::from_slice::<Object>(bytes).unwrap_or_default();
    let name = if what == kind.kind { String::new() } else { tree().name().to_owned() };
    check_named(cx, (version, what, &name), kind, || top_fields(tree().as_map()))
}

/// The same of version, kind and name. A custom resource of the wrong kind is an object with a
/// mistake; of one in the wrong version nothing is known.
fn check_named(
    cx: &Cx<'_>,
    (version, what, name): (&str, &str, &str),
    kind: &GroupVersionKind,
    fields: impl FnOnce() -> Vec<String>,
) -> Result<(), Status> {
    let own = cx.resource.custom.is_some() && *kind == cx.resource.def.gvk();
    let checked = check_kind(version, what, kind);
    if !own || checked.is_ok() {
        return checked;
    }
    if split_api_version(version) == (&*kind.group, &*kind.version) || version.is_empty() {
        let why = format!("must be {}", kind.kind);
        let error = FieldError::invalid(&Path::new("kind"), &Json::from(what), why);
        let found = GroupKind::new(kind.group.clone(), what.to_owned());
        return Err(Status::invalid(&found, name, &vec![error]));
    }
    if FieldValidation::of(&cx.request.options) == FieldValidation::Warn {
        fields().iter().for_each(|field| cx.warn(format!("unknown field {field:?}")));
    }
    checked
}

/// The fields of an object beside those that every object has.
fn top_fields(object: &Map) -> Vec<String> {
    let known = |name: &str| matches!(name, "apiVersion" | "kind" | "metadata");
    let mut fields: Vec<String> =
        object.keys().filter(|name| !known(name)).map(ToString::to_string).collect();
    fields.sort_unstable();
    fields
}

fn finish(cx: &Cx<'_>, decoded: Decoded, kind: &GroupVersionKind) -> Result<Object, Status> {
    report(cx, &decoded.problems, |why| cannot_be_handled(kind, why))?;
    Ok(named(decoded.value, kind))
}

/// The object with its version and kind, which a body may leave out.
fn named(value: Json, kind: &GroupVersionKind) -> Object {
    let mut object = match value {
        Json::Object(map) => Object::from(map),
        _ => Object::default(),
    };
    if object.kind() != kind.kind {
        object.set("kind", &*kind.kind);
    }
    let version = object.api_version();
    if split_api_version(version) != (&*kind.group, &*kind.version) {
        object.set("apiVersion", kind.api_version());
    }
    object.meta_mut();
    object
}

/// The definition of `kind` and the schema that it is in.
pub(crate) fn definition<'c>(
    cx: &'c Cx<'_>,
    kind: &GroupVersionKind,
) -> (Option<&'c Definition>, &'c Schema) {
    let def = &cx.resource.def;
    let own =
        kind.kind == def.kind && kind.group == def.gvr.group && kind.version == def.gvr.version;
    if own {
        let schema = &*def.schema;
        return (def.definition.as_deref().and_then(|name| schema.definition(name)), schema);
    }
    let schema = Schema::builtin();
    (schema.kind(&kind.group, &kind.version, &kind.kind), schema)
}

fn from_tree(
    schema: &Schema,
    definition: Option<&Definition>,
    tree: Json,
) -> Result<Decoded, DecodeError> {
    match (definition, tree) {
        (_, Json::Null) => Ok(Decoded { value: Json::Null, problems: Vec::new() }),
        (Some(definition), tree) => decode::from_json(schema, definition, tree),
        (None, tree) => Ok(Decoded { value: tree, problems: Vec::new() }),
    }
}

/// Reads YAML as a tree of JSON.
pub(crate) fn yaml(bytes: &[u8]) -> Result<Json, Status> {
    serde_saphyr::from_slice(bytes).map_err(|error| {
        let line = error.to_string().replace('\n', " ");
        Status::bad_request(format!("error converting YAML to JSON: yaml: {line}"))
    })
}

fn check_kind(version: &str, kind: &str, wanted: &GroupVersionKind) -> Result<(), Status> {
    if !version.is_empty() && split_api_version(version) != (&*wanted.group, &*wanted.version) {
        return Err(Status::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({})",
            wanted.api_version()
        )));
    }
    if !kind.is_empty() && kind != wanted.kind {
        let short = |group: &str| match group.split('.').next() {
            None | Some("") => "core".to_owned(),
            Some(first) => first.to_owned(),
        };
        let from = format!("{}.{kind}", wanted.version);
        let to = format!("{}.{}", short(&wanted.group), wanted.kind);
        return Err(Status::bad_request(format!(
            "{kind} in version \"{}\" cannot be handled as a {}: converting ({from}) to ({to}): \
             unknown conversion",
            wanted.version, wanted.kind
        )));
    }
    Ok(())
}

fn unreadable(kind: &GroupVersionKind, error: &DecodeError) -> Status {
    cannot_be_handled(kind, error.to_string())
}

fn cannot_be_handled(kind: &GroupVersionKind, why: String) -> Status {
    let GroupVersionKind { kind, version, .. } = kind;
    let message = format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}");
    Status::bad_request(message)
}

/// How many bytes of a body that is no object are shown, in hexadecimal.
const SHOWN_BYTES: usize = 64;

fn unrecognized(kind: &GroupVersionKind, error: &DecodeError, bytes: &[u8]) -> Status {
    use std::fmt::Write as _;
    let mut hex = String::new();
    for byte in bytes.iter().take(SHOWN_BYTES) {
        write!(hex, "{byte:02x}").expect("a string takes all");
    }
    let what = &kind.kind;
    Status::bad_request(format!(
        "the object provided is unrecognized (must be of type {what}): {error} ({hex})"
    ))
}
