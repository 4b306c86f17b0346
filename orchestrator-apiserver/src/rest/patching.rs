//! Patches as requests carry them: read once, laid over as many states as it takes.

use bytes::Bytes;
use orchestrator_core::field::{FieldError, Path};
use orchestrator_core::object::{Map, Object};
use orchestrator_core::patch::json::JsonPatch;
use orchestrator_core::patch::{GoValue, merge, strategic};
use orchestrator_core::request::PatchKind;
use orchestrator_core::resource::{GroupKind, GroupVersionKind};
use orchestrator_core::schema::{Flavour, decode};
use orchestrator_core::{Json, Status};

use super::body;
use crate::pipeline::Cx;

/// A patch of one of the three kinds that describe a change.
pub(crate) struct Patch {
    engine: Engine,
    /// What is odd about the patch document itself.
    problems: Vec<String>,
}

enum Engine {
    Json(JsonPatch),
    Merge(Map),
    Strategic(Map),
}

impl Patch {
    /// Reads a patch; server-side apply has its own path.
    ///
    /// # Errors
    /// 400: the bytes are no patch of their kind.
    pub(crate) fn parse(bytes: &Bytes, kind: PatchKind) -> Result<Self, Status> {
        if kind == PatchKind::Json {
            let patch = JsonPatch::parse(bytes).map_err(|error| error.status())?;
            let problems = patch.unknown_fields().to_vec();
            return Ok(Self { engine: Engine::Json(patch), problems });
        }
        let map = merge::parse(bytes).map_err(|error| error.status())?;
        let read = decode::untyped(bytes).map(|decoded| decoded.problems).unwrap_or_default();
        let problems = read.iter().map(ToString::to_string).collect();
        let engine = match kind {
            PatchKind::Merge => Engine::Merge(map),
            _ => Engine::Strategic(map),
        };
        Ok(Self { engine, problems })
    }

    /// Lays the patch over an object of `kind`, and reads what comes out as one.
    ///
    /// # Errors
    /// The patch does not fit, or what comes out is no object of the kind.
    pub(crate) fn lay_over(
        &self,
        cx: &Cx<'_>,
        object: Object,
        kind: &GroupVersionKind,
    ) -> Result<Object, Status> {
        let tree = self.apply(cx, object, kind)?;
        // What the errors show: the patch alone where it is strategic, else what came out.
        let shown = match &self.engine {
            Engine::Strategic(_) => None,
            _ => Some(tree.clone()),
        };
        let refuse = |why: &str| {
            let shown = match (&self.engine, &shown) {
                (Engine::Strategic(patch), _) => GoValue(&Json::Object(patch.clone())).to_string(),
                (_, shown) => serde_json::to_string(shown).expect("a tree encodes"),
            };
            let error = FieldError::invalid(&Path::new("patch"), &Json::from(shown), why);
            Status::invalid(&GroupKind::default(), "", &vec![error])
        };
        let recast = body::recast(cx, tree, kind);
        let (object, problems) = recast.map_err(|error| match &self.engine {
            Engine::Strategic(_) => refuse(&error.restoring()),
            _ => refuse(&error.to_string()),
        })?;
        let all: Vec<String> =
            self.problems.iter().cloned().chain(problems.iter().map(ToString::to_string)).collect();
        body::report(cx, &all, |why| refuse(&why))?;
        Ok(object)
    }

    fn apply(
        &self,
        cx: &Cx<'_>,
        object: Object,
        kind: &GroupVersionKind,
    ) -> Result<Object, Status> {
        match &self.engine {
            Engine::Json(patch) => {
                let mut tree = object.into_json();
                patch.apply(&mut tree).map_err(|error| error.status())?;
                match tree {
                    Json::Object(map) => Ok(Object::from(map)),
                    _ => Err(Status::bad_request("the patch leaves no object")),
                }
            }
            Engine::Merge(patch) => {
                let mut map = object.into_map();
                merge::apply(&mut map, patch.clone());
                Ok(Object::from(map))
            }
            Engine::Strategic(patch) => {
                let (definition, schema) = body::definition(cx, kind);
                // Of a schema made at run time nobody knows how its lists merge.
                let typed = definition.filter(|known| known.flavour == Flavour::Typed);
                let Some(definition) = typed else {
                    return Err(Status::unsupported_media_type(
                        "the body of the request was in an unknown format - accepted media types \
                         include: application/json-patch+json, application/merge-patch+json, \
                         application/apply-patch+yaml",
                    ));
                };
                strategic::apply(schema, definition, object.into_map(), patch.clone())
                    .map(Object::from)
                    .map_err(|error| error.status())
            }
        }
    }
}
