//! `scale`: the number of replicas, in one form for all kinds that have one.

use bytes::Bytes;
use orchestrator_core::field::{FieldError, Path};
use orchestrator_core::object::Object;
use orchestrator_core::request::{Body, PatchKind};
use orchestrator_core::resource::{GroupKind, GroupVersionKind};
use orchestrator_core::selector::LabelSelector;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::value::Item;
use orchestrator_core::{Json, Status, Verb};
use serde_json::json;

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
        None => cx.resource.present(current.stored.item)?,
    };
    Ok(ResponseBody::plain(200, show(&item)?))
}

/// The intent of a server-side apply.
fn intent(cx: &Cx<'_>, bytes: &Bytes) -> Result<Object, Status> {
    let intent = managed::read_intent(bytes)?;
    metadata::check_name(cx, &intent)?;
    metadata::check_place(cx, &intent)?;
    let (_, problems) = body::recast(cx, intent.clone(), &kind()).map_err(Status::bad_request)?;
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
            intent.set("spec", json!({ "replicas": replicas }));
        }
        managed::applied(cx, Some(&current.object), &intent)
    }
}

impl Change for Rescale {
    fn make(&mut self, cx: &Cx<'_>, current: &Current) -> Result<Object, Status> {
        let scale = match self {
            Self::To(scale) => scale.clone(),
            Self::By(patch) => {
                let item = cx.resource.present(current.stored.item.clone())?;
                patch.lay_over(cx, show(&item)?, &kind())?
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
        new.map_mut("spec").insert("replicas".into(), Json::from(replicas));
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
fn show(item: &Item) -> Result<Object, Status> {
    let object = item.tree().map_err(Status::internal)?;
    let mut scale = Object::new("autoscaling/v1", "Scale");
    for name in ["name", "namespace", "uid", "creationTimestamp"] {
        if let Some(value) = object.meta(name) {
            scale.set_meta(name, value.clone());
        }
    }
    scale.set_meta("resourceVersion", item.revision().to_string());
    let replicas = |part: &str| object.int_at(&[part, "replicas"]).unwrap_or_default();
    let spec = match replicas("spec") {
        0 => json!({}),
        replicas => json!({ "replicas": replicas }),
    };
    scale.set("spec", spec);
    let mut status = json!({"replicas": replicas("status")});
    let selector = selector(object);
    if !selector.is_empty() {
        status["selector"] = Json::from(selector);
    }
    scale.set("status", status);
    Ok(scale)
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
    use orchestrator_core::{Revision, Value};

    use super::*;

    #[test]
    fn a_scale_shows_counts_and_the_selector_as_a_text() {
        let check = |object: Json, wanted: &str| {
            let object: Object = serde_json::from_value(object).unwrap();
            let item = Item::new(Value::from_object(object), Revision::new(7));
            let scale = show(&item).unwrap();
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
