//! `scale`: the number of replicas, in one form for all kinds that have one.

use bytes::Bytes;
use orchestrator_core::field::{FieldError, Path};
use orchestrator_core::object::Object;
use orchestrator_core::request::{Body, PatchKind};
use orchestrator_core::resource::{GroupKind, GroupVersionKind};
use orchestrator_core::selector::LabelSelector;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, Revision, Status, Verb};
use serde_json::json;

use crate::custom::ScalePaths;
use crate::pipeline::Cx;
use crate::rest::modify::{self, Change, Current};
use crate::rest::patching::Patch;
use crate::rest::{body, managed, metadata, options};

fn kind() -> GroupVersionKind {
    GroupVersionKind::new("autoscaling", "v1", "Scale")
}

/// Reads or changes the scale.
pub(super) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    let mut change = match (cx.request.verb, body) {
        (Verb::Update, body) => {
            options::check_update(&cx.request.options)?;
            let mut scale = body::read(cx, body, &kind())?;
            metadata::place(cx, &mut scale)?;
            metadata::call(cx, &mut scale)?;
            Some(Rescale::To(scale))
        }
        (Verb::Patch, Body::Patch { bytes, kind }) if kind != PatchKind::Apply => {
            options::check_patch(&cx.request.options, false)?;
            Some(Rescale::By(Patch::parse(&bytes, kind)?))
        }
        (Verb::Patch, Body::Patch { bytes, .. }) => {
            options::check_patch(&cx.request.options, true)?;
            Some(Rescale::As(intent(cx, &bytes)?))
        }
        (Verb::Patch, _) => {
            return Err(Status::generic(
                415,
                "UnsupportedMediaType",
                "415: Unsupported Media Type",
            ));
        }
        _ => None,
    };
    let current = modify::current(cx).await?.ok_or_else(|| cx.not_found())?;
    let item = match &mut change {
        Some(change) => modify::run(cx, current, change).await?,
        None => cx.resource.present(current.stored.item).await?,
    };
    let object = item.tree().map_err(Status::internal)?;
    Ok(ResponseBody::plain(200, show(cx, object, item.revision())?))
}

/// A part of a scale.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Spec,
    Status,
}

/// Where a part of the scale is in an object.
fn steps<'c>(cx: &'c Cx<'_>, part: Part) -> Vec<&'c str> {
    let paths = cx.resource.custom.as_ref().and_then(|custom| custom.scale.as_ref());
    match (paths, part) {
        (Some(ScalePaths { spec, .. }), Part::Spec) => spec.iter().map(String::as_str).collect(),
        (Some(ScalePaths { status, .. }), Part::Status) => {
            status.iter().map(String::as_str).collect()
        }
        (None, Part::Spec) => vec!["spec", "replicas"],
        (None, Part::Status) => vec!["status", "replicas"],
    }
}

/// Writes a value into an object, and the maps above it.
fn put(object: &mut Object, steps: &[&str], value: Json) {
    let Some((last, above)) = steps.split_last() else { return };
    let mut map = object.as_map_mut();
    for step in above {
        let below = map.entry(*step).or_insert(json!({}));
        if !below.is_object() {
            *below = json!({});
        }
        map = below.as_object_mut().expect("made as a map");
    }
    map.insert((*last).into(), value);
}

/// The intent of a server-side apply.
fn intent(cx: &Cx<'_>, bytes: &Bytes) -> Result<Object, Status> {
    let intent = managed::read_intent(bytes)?;
    metadata::check_name(cx, &intent)?;
    metadata::check_place(cx, &intent)?;
    let (_, problems) = body::recast(cx, intent.clone(), &kind())
        .map_err(|error| Status::bad_request(error.to_string()))?;
    body::report(cx, &problems, Status::bad_request)?;
    // As it was written: a scale that was read leaves out a zero, which is an intent here.
    Ok(intent)
}

/// A change of the scale.
enum Rescale {
    To(Object),
    By(Patch),
    As(Object),
}

impl Rescale {
    /// Merges the intent, which is about one field of the whole, as its manager's.
    fn apply(cx: &Cx<'_>, current: &Current, scale: &Object) -> Result<Object, Status> {
        let gvk = cx.resource.def.gvk();
        let mut intent = Object::new(gvk.api_version(), &*gvk.kind);
        intent.set_meta("name", current.object.name());
        let version = scale.resource_version();
        if !version.is_empty() {
            intent.set_meta("resourceVersion", version);
        }
        if let Some(replicas) = scale.int_at(&["spec", "replicas"]) {
            put(&mut intent, &steps(cx, Part::Spec), Json::from(replicas));
        }
        managed::applied(cx, Some(&current.object), &intent)
    }
}

impl Change for Rescale {
    fn make(&mut self, cx: &Cx<'_>, current: &Current) -> Result<Object, Status> {
        let scale = match self {
            Self::To(scale) => scale.clone(),
            Self::By(patch) => {
                let scale = show(cx, &current.object, current.stored.revision())?;
                patch.lay_over(cx, scale, &kind())?
            }
            Self::As(scale) => scale.clone(),
        };
        let replicas = scale.int_at(&["spec", "replicas"]).unwrap_or_default();
        if replicas < 0 {
            let (spec, why) = (Path::new("spec"), "must be greater than or equal to 0");
            let error = FieldError::invalid(&spec.child("replicas"), &Json::from(replicas), why);
            let kind = GroupKind::new("autoscaling", "Scale");
            return Err(Status::invalid(&kind, &cx.request.name, &vec![error]));
        }
        let mut new = match self {
            Self::As(scale) => Self::apply(cx, current, scale)?,
            _ => Object::clone(&current.object),
        };
        put(&mut new, &steps(cx, Part::Spec), Json::from(replicas));
        if !matches!(self, Self::As(_)) {
            managed::updated(cx, &current.object, &mut new);
        }
        let version = match scale.resource_version() {
            "" => current.stored.revision().to_string(),
            version => version.to_owned(),
        };
        new.set_meta("resourceVersion", version);
        Ok(new)
    }
}

/// The scale of an object.
fn show(cx: &Cx<'_>, object: &Object, revision: Revision) -> Result<Object, Status> {
    let spec = steps(cx, Part::Spec);
    let custom = cx.resource.custom.as_ref().and_then(|custom| custom.scale.as_ref());
    if custom.is_some() && object.int_at(&spec).is_none() {
        let path = spec.join(".");
        let why = format!("the spec replicas field \".{path}\" does not exist");
        return Err(Status::internal(why));
    }
    let selector = match custom {
        Some(paths) => {
            let path: Vec<&str> = paths.selector.iter().flatten().map(String::as_str).collect();
            object.at(&path).and_then(Json::as_str).unwrap_or_default().to_owned()
        }
        None => selector(object),
    };
    let counts = Counts {
        spec: object.int_at(&spec).unwrap_or_default(),
        status: object.int_at(&steps(cx, Part::Status)).unwrap_or_default(),
        selector,
    };
    Ok(scale(object, revision, counts))
}

/// What a scale tells.
struct Counts {
    spec: i64,
    status: i64,
    selector: String,
}

fn scale(object: &Object, revision: Revision, counts: Counts) -> Object {
    let mut scale = Object::new("autoscaling/v1", "Scale");
    for name in ["name", "namespace", "uid", "creationTimestamp"] {
        if let Some(value) = object.meta(name) {
            scale.set_meta(name, value.clone());
        }
    }
    scale.set_meta("resourceVersion", revision.to_string());
    let spec = match counts.spec {
        0 => json!({}),
        replicas => json!({ "replicas": replicas }),
    };
    scale.set("spec", spec);
    let mut status = json!({"replicas": counts.status});
    if !counts.selector.is_empty() {
        status["selector"] = Json::from(counts.selector);
    }
    scale.set("status", status);
    scale
}

/// The selector of an object's pods as a text; the oldest kind has a plain map of labels.
fn selector(object: &Object) -> String {
    let selector = object.at(&["spec", "selector"]);
    let labels = selector.and_then(Json::as_object).filter(|_| object.api_version() == "v1");
    if let Some(labels) = labels {
        let pairs = labels
            .iter()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        return pairs.collect::<Vec<_>>().join(",");
    }
    LabelSelector::from_json(selector).map(|selector| selector.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_shows_counts_and_the_selector_as_a_text() {
        let check = |object: Json, wanted: &str| {
            let object: Object = serde_json::from_value(object).unwrap();
            let counts = Counts { spec: 3, status: 0, selector: selector(&object) };
            let scale = scale(&object, Revision::new(7), counts);
            assert_eq!(scale.resource_version(), "7");
            assert_eq!(scale.int_at(&["spec", "replicas"]), Some(3));
            assert_eq!(scale.text_at(&["status", "selector"]), wanted);
        };
        let labels = json!({"matchLabels": {"a": "b", "c": "d"}});
        check(
            json!({"apiVersion": "apps/v1", "spec": {"replicas": 3, "selector": labels}}),
            "a=b,c=d",
        );
        check(json!({"apiVersion": "v1", "spec": {"replicas": 3, "selector": {"a": "b"}}}), "a=b");
    }
}
