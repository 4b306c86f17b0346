use orchestrator_core::{Env, Object};
use orchestrator_store::MemoryStore;
use serde_json::json;

use super::*;

fn definition(established: bool) -> Object {
    let status = if established { "True" } else { "False" };
    let names = json!({"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "Widgets",
        "shortNames": ["wd"], "categories": ["all"]});
    serde_json::from_value(json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [
            {"name": "v1beta1", "served": true, "storage": false, "deprecated": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}},
            {"name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n"}},
                "selectableFields": [{"jsonPath": ".spec.a"}],
                "schema": {"openAPIV3Schema": {"type": "object"}}},
            {"name": "v1alpha1", "served": false, "storage": false,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]},
        "status": {"acceptedNames": names, "conditions": [{"type": "Established", "status": status}]},
    }))
    .unwrap()
}

#[test]
fn a_definition_serves_its_versions_in_order_once_it_is_established() {
    let env = Env::system();
    let registry = Registry::default();
    let objects = Objects::new(Arc::new(MemoryStore::new(env.clone())), registry.clone());
    let plane = Plane { env, registry, objects };
    assert!(kind::resources(&definition(false), &plane).is_empty());
    let resources = kind::resources(&definition(true), &plane);
    let versions: Vec<_> = resources.iter().map(|r| r.def.gvr.version.to_string()).collect();
    assert_eq!(versions, ["v1", "v1beta1"]);
    let def = &resources[0].def;
    assert_eq!((&*def.list_kind(), &*def.singular), ("Widgets", "widget"));
    assert_eq!(def.definition.as_deref(), Some("com.example.v1.Widget"));
    assert_eq!(def.selectable_fields, ["spec.a"]);
    let subresources: Vec<_> = def.subresources.iter().map(|sub| sub.name.to_string()).collect();
    assert_eq!(subresources, ["status", "scale"]);
    assert_eq!(def.key_prefix(), "/registry/example.com/widgets/");
    assert_eq!(
        resources[1].def.deprecation.as_deref(),
        Some("example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget")
    );
    let scale = resources[0].custom.as_ref().unwrap().scale.clone().unwrap();
    assert_eq!(scale.spec, ["spec", "n"]);
}
