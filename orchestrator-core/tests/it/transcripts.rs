//! Recorded apply scripts, replayed against the field manager.
//!
//! A small server keeps objects as bare JSON, without defaulting and validation, so that only
//! the ownership of fields, the conflicts and the schema errors are compared.

use std::collections::BTreeMap;

use orchestrator_core::apply::{ApplyError, FieldManager, Write};
use orchestrator_core::patch::{json::JsonPatch, merge};
use orchestrator_core::schema::{Gvk, Schema, decode};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::shared;

/// The kinds that the scripts use, by resource.
const KINDS: [(&str, &str, &str); 4] = [
    ("configmaps", "v1", "ConfigMap"),
    ("services", "v1", "Service"),
    ("deployments", "apps/v1", "Deployment"),
    ("networkpolicies", "networking.k8s.io/v1", "NetworkPolicy"),
];

/// The group that the scripts make custom resources in.
const GROUP: &str = "${u}.tx.example";

#[derive(Default)]
struct Server {
    objects: BTreeMap<String, Object>,
    /// Resource, version, kind and schema of each custom resource.
    custom: Vec<(String, String, String, Schema)>,
    steps: usize,
}

impl Server {
    /// Learns the custom resource that a definition describes.
    fn define(&mut self, definition: &Json) {
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let spec = &definition["spec"];
        let kind = text(&spec["names"]["kind"]);
        let gvk = Gvk { group: GROUP.into(), version: "v1".into(), kind: kind.clone().into() };
        let openapi = &spec["versions"][0]["schema"]["openAPIV3Schema"];
        let schema = Schema::from_openapi(gvk, Some(openapi)).unwrap();
        let resource = format!("/{}/", text(&spec["names"]["plural"]));
        self.custom.push((resource, format!("{GROUP}/v1"), kind, schema));
    }

    /// Carries out a step; the object, or the error.
    fn send(&mut self, step: &Json) -> Result<Object, ApplyError> {
        self.steps += 1;
        let text = |name: &str| step[name].as_str().unwrap_or_default();
        let (method, body) = (text("do"), &step["body"]);
        let mut path = text("path").to_owned();
        if method == "POST" {
            path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
        }
        let custom = self.custom.iter().find(|(resource, ..)| path.contains(resource));
        let (version, kind, schema): (&str, &str, &Schema) = match custom {
            Some((_, version, kind, schema)) => (version, kind, schema),
            None => {
                let known = KINDS.iter().find(|(resource, ..)| path.contains(resource));
                let (_, version, kind) = known.expect("a known kind");
                (*version, *kind, Schema::builtin())
            }
        };
        let definition = schema.kind_of(version, kind).expect(kind);
        let fields = FieldManager { schema, definition, reset_fields: None };
        let now = format!("2026-01-01T00:00:{:02}Z", self.steps);
        let manager = manager_of(step);
        let write = Write { manager: &manager, api_version: version, subresource: "", now: &now };
        let live = self.objects.get(&path);
        let decode = |object: Object| {
            let decoded = decode::from_json(schema, definition, object.into_json()).unwrap();
            serde_json::from_value::<Object>(decoded.value).unwrap()
        };
        let body: Object = serde_json::from_value(body.clone()).unwrap_or_default();
        let object = match (method, text("ct")) {
            ("GET", _) => live.unwrap().clone(),
            ("PATCH", "application/apply-patch+yaml") => {
                let force = step["query"]["force"] == "true";
                decode(fields.apply(live, &body, &write, force)?.object)
            }
            _ => {
                let new = match (method, text("ct")) {
                    ("PATCH", "application/merge-patch+json") => {
                        let mut object = live.unwrap().clone();
                        merge::apply(object.as_map_mut(), body.into_map());
                        object
                    }
                    ("PATCH", _) => {
                        let mut tree = live.unwrap().clone().into_json();
                        let patch = JsonPatch::parse(step["body"].to_string().as_bytes()).unwrap();
                        patch.apply(&mut tree).unwrap();
                        serde_json::from_value(tree).unwrap()
                    }
                    _ => body,
                };
                let mut new = decode(new);
                fields.update(live, &mut new, &write);
                new
            }
        };
        self.objects.insert(path, object.clone());
        Ok(object)
    }
}

fn manager_of(step: &Json) -> String {
    let agent = step["headers"]["User-Agent"].as_str().unwrap_or_default();
    let agent = agent.split('/').next().filter(|agent| !agent.is_empty()).unwrap_or("unknown");
    step["query"]["fieldManager"].as_str().unwrap_or(agent).to_owned()
}

/// The managed fields with times as placeholders, in an order of their own.
fn managers(object: &Json) -> Vec<Json> {
    let list = object["metadata"]["managedFields"].as_array();
    let mut entries: Vec<Json> = list.into_iter().flatten().cloned().collect();
    for entry in &mut entries {
        if entry.get("time").is_some() {
            entry["time"] = json!("<time>");
        }
        if let Some(version) = entry["apiVersion"].as_str() {
            entry["apiVersion"] = json!(version.replace("${u}", "<u>"));
        }
    }
    entries.sort_by_key(|entry| format!("{}{}", entry["operation"], entry["manager"]));
    entries
}

fn check_success(place: &str, object: &Json, wanted: &Json) {
    assert_eq!(managers(object), managers(wanted), "{place}");
    if wanted["kind"] == "ConfigMap" {
        assert_eq!(object.get("data"), wanted.get("data"), "{place}");
        let finalizers = |object: &Json| object["metadata"]["finalizers"].clone();
        assert_eq!(finalizers(object), finalizers(wanted), "{place}");
    }
    if let Some(wanted) = wanted["metadata"].get("annotations") {
        let ours = &object["metadata"]["annotations"];
        let last = "kubectl.kubernetes.io/last-applied-configuration";
        assert_eq!(ours[last], wanted[last], "{place}");
    }
}

fn check_failure(place: &str, error: &ApplyError, step: &Json, wanted: &Json) {
    let status = error.status();
    assert_eq!(Some(u64::from(status.code)), wanted["code"].as_u64(), "{place}: {error}");
    if step["ignore"] != json!(["message"]) {
        assert_eq!(status.message.replace("${u}", "<u>"), wanted["message"], "{place}");
    }
    let causes = status.details.causes.iter();
    let causes: Vec<_> = causes
        .map(
            |cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}),
        )
        .collect();
    assert_eq!(json!(causes), *wanted["details"].get("causes").unwrap_or(&json!([])), "{place}");
}

fn replay(script: &str) {
    let Some(folder) = shared::folder("transcripts") else { return };
    let text = std::fs::read_to_string(folder.join(script)).unwrap();
    let mut server = Server::default();
    for (line, step) in text.lines().enumerate().skip(1) {
        let step: Json = serde_json::from_str(step).unwrap();
        let wanted = &step["expect"];
        // What validation refuses is not the field manager's business.
        if wanted["status"] == 422 {
            continue;
        }
        if step["path"].as_str().is_some_and(|path| path.contains("customresourcedefinitions")) {
            if step["do"] == "POST" {
                server.define(&step["body"]);
            }
            continue;
        }
        if step.get("compare").is_some() {
            continue;
        }
        let place = format!("{script}:{}", line + 1);
        match server.send(&step) {
            Ok(object) => {
                assert!(wanted["status"].as_u64() < Some(300), "{place}: {}", wanted["status"]);
                if step.get("project").is_none() {
                    check_success(&place, &object.into_json(), &wanted["body"]);
                }
            }
            Err(error) => check_failure(&place, &error, &step, &wanted["body"]),
        }
    }
}

#[test]
fn conflicts_are_reported_as_recorded() {
    replay("apply-conflicts.jsonl");
}

#[test]
fn custom_resources_are_owned_as_recorded() {
    replay("crd-apply.jsonl");
}

#[test]
fn list_maps_and_sets_merge_as_recorded() {
    replay("apply-maps-sets.jsonl");
}

#[test]
fn fields_move_from_update_to_apply_as_recorded() {
    replay("apply-transfer.jsonl");
}

#[test]
fn updates_and_applies_mix_as_recorded() {
    replay("apply-update-mix.jsonl");
}
