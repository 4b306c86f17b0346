//! `pods/binding`: gives a pod to a node, once.

use orchestrator_core::field::{FieldError, FieldErrors, Path};
use orchestrator_core::object::{Object, map_entry};
use orchestrator_core::request::Body;
use orchestrator_core::resource::GroupVersionKind;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{GroupResource, GroupVersionResource, Json, Status};
use serde_json::json;

use super::success;
use crate::admission::Operation;
use crate::pipeline::Cx;
use crate::registry::{Replaced, Resource};
use crate::rest::{admit, body, options};

/// How often a binding is tried when others change the pod at the same time.
const MAX_TRIES: usize = 64;

/// Binds the pod that the path names.
pub(super) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    let binding = read(cx, body)?;
    if !matches!(binding.name(), name if name.is_empty() || name == cx.request.name) {
        return Err(Status::bad_request("name in URL does not match name in Binding object"));
    }
    let binding = admit::part(cx, Operation::Create, binding).await?;
    bind(cx, &cx.resource, &cx.request.name, &binding).await?;
    Ok(success::created())
}

/// Binds the pod that the body names: the form of old clients, `POST .../bindings`.
pub(crate) async fn from_collection(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    let binding = read(cx, body)?;
    let pods = cx.server.registry.get(&GroupVersionResource::new("", "v1", "pods"));
    let pods = pods.ok_or_else(Status::no_such_resource)?;
    let binding = admit::part(cx, Operation::Create, binding).await?;
    bind(cx, &pods, binding.name(), &binding).await?;
    Ok(success::created())
}

fn read(cx: &Cx<'_>, body: Body) -> Result<Object, Status> {
    options::check_create(&cx.request.options)?;
    let binding = body::read(cx, body, &GroupVersionKind::new("", "v1", "Binding"))?;
    if !matches!(binding.namespace(), place if place.is_empty() || place == cx.request.namespace) {
        const WHY: &str = "the namespace of the provided object does not match the namespace sent \
                           on the request";
        return Err(Status::bad_request(WHY));
    }
    let errors = check(&binding);
    if errors.is_empty() {
        return Ok(binding);
    }
    let texts: Vec<String> = errors.iter().map(FieldError::to_string).collect();
    Err(Status::new(500, "", texts.join(", ")))
}

fn check(binding: &Object) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let target = Path::new("target");
    let kind = binding.text_at(&["target", "kind"]);
    if !matches!(kind, "" | "Node") {
        let known = ["Node", "<empty>"];
        let path = target.child("kind");
        errors.push(FieldError::not_supported(&path, &Json::from(kind), &known));
    }
    if binding.text_at(&["target", "name"]).is_empty() {
        errors.push(FieldError::required(&target.child("name"), ""));
    }
    errors
}

async fn bind(cx: &Cx<'_>, pods: &Resource, name: &str, binding: &Object) -> Result<(), Status> {
    let objects = &cx.server.objects;
    let not_found = || Status::not_found(&pods.group_resource, name);
    let key = pods.key(&cx.request.namespace, name);
    let mut stored = objects.read(key).await?.ok_or_else(not_found)?;
    for _ in 0..MAX_TRIES {
        let bound = bound(stored.tree()?, binding, &cx.server.env.now_rfc3339())
            .map_err(|why| Status::conflict(&GroupResource::new("", "pods/binding"), name, why))?;
        if cx.request.options.is_dry_run() {
            return Ok(());
        }
        match objects.replace(&stored, bound.into()).await? {
            Replaced::Done(_) => return Ok(()),
            Replaced::Changed(now) => stored = now.ok_or_else(not_found)?,
        }
    }
    Err(Status::modified(&pods.group_resource, name))
}

/// The pod as bound, or why it cannot be.
fn bound(pod: &Object, binding: &Object, now: &str) -> Result<Object, String> {
    let name = pod.name();
    let wanted = binding.uid();
    if !wanted.is_empty() && wanted != pod.uid() {
        return Err(format!(
            "Precondition failed: UID in precondition: {wanted}, UID in object meta: {}",
            pod.uid()
        ));
    }
    if pod.deletion_timestamp().is_some() {
        return Err(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let node = pod.text_at(&["spec", "nodeName"]);
    if !node.is_empty() {
        return Err(format!("pod {name} is already assigned to node {node:?}"));
    }
    let gates = pod.at(&["spec", "schedulingGates"]).and_then(Json::as_array);
    if gates.is_some_and(|gates| !gates.is_empty()) {
        return Err(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    let mut bound = pod.clone();
    let target = binding.text_at(&["target", "name"]);
    bound.map_mut("spec").insert("nodeName".into(), Json::from(target));
    if let Some(annotations) = binding.annotations() {
        map_entry(bound.meta_mut(), "annotations").extend(annotations.clone());
    }
    if let Some(labels) = binding.labels().filter(|labels| !labels.is_empty()) {
        map_entry(bound.meta_mut(), "labels").extend(labels.clone());
    }
    schedule(&mut bound, now);
    Ok(bound)
}

/// Notes that the pod is scheduled.
fn schedule(pod: &mut Object, now: &str) {
    let status = pod.map_mut("status");
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    let Some(conditions) = conditions.as_array_mut() else { return };
    let scheduled = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null,
        "lastTransitionTime": now});
    match conditions.iter_mut().find(|condition| condition["type"] == "PodScheduled") {
        Some(known) if known["status"] == "True" => {}
        Some(known) => *known = scheduled,
        None => conditions.push(scheduled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: Json) -> Object {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_pod_is_bound_once_and_only_while_it_may_be() {
        let binding = object(json!({"metadata": {"annotations": {"a": "b"}},
            "target": {"name": "n"}}));
        let pod = object(json!({"metadata": {"name": "p", "uid": "u"}, "status": {"conditions":
            [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}));
        let bound_pod = bound(&pod, &binding, "t").unwrap();
        assert_eq!(bound_pod.text_at(&["spec", "nodeName"]), "n");
        assert_eq!(bound_pod.annotation("a"), Some("b"));
        let scheduled = json!([{"type": "PodScheduled", "status": "True", "lastProbeTime": null,
            "lastTransitionTime": "t"}]);
        assert_eq!(bound_pod.at(&["status", "conditions"]), Some(&scheduled));
        let refused = |pod: &Object, binding: &Object| bound(pod, binding, "t").unwrap_err();
        assert_eq!(refused(&bound_pod, &binding), "pod p is already assigned to node \"n\"");
        let other = object(json!({"metadata": {"uid": "x"}, "target": {"name": "n"}}));
        assert!(refused(&pod, &other).starts_with("Precondition failed"));
        let gated = object(json!({"metadata": {"name": "p"}, "spec": {"schedulingGates": [{}]}}));
        assert_eq!(refused(&gated, &binding), "pod p has non-empty .spec.schedulingGates");
    }

    #[test]
    fn a_binding_needs_a_node() {
        let texts = |binding: Json| -> Vec<String> {
            check(&object(binding)).iter().map(ToString::to_string).collect()
        };
        assert!(texts(json!({"target": {"name": "n"}})).is_empty());
        assert_eq!(texts(json!({"target": {}})), ["target.name: Required value"]);
        let kind =
            "target.kind: Unsupported value: \"Foo\": supported values: \"Node\", \"<empty>\"";
        assert_eq!(texts(json!({"target": {"kind": "Foo", "name": "n"}})), [kind]);
    }
}
