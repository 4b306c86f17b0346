use super::*;
use orchestrator_core::GroupVersionResource;
use orchestrator_core::resource::Scope;

fn documents() -> OpenApi {
    OpenApi::new(Registry::new(orchestrator_kinds::builtin()))
}

fn json(document: &Document) -> Json {
    serde_json::from_slice(&document.bytes).unwrap()
}

#[test]
fn every_reference_of_a_document_leads_somewhere() {
    let documents = documents();
    let index = json(&documents.index());
    let roots: Vec<_> = index["paths"].as_object().unwrap().keys().cloned().collect();
    assert!(roots.contains(&"api/v1".into()) && roots.contains(&"apis/apps/v1".into()));
    for root in roots {
        let document = json(&documents.group_version(&root).unwrap());
        let schemas = &document["components"]["schemas"];
        types::references(&document, &mut |name| {
            assert!(schemas.get(name).is_some(), "{root}: {name} is missing");
        });
    }
}

#[test]
fn schemas_carry_descriptions_kinds_list_types_and_merge_keys() {
    let document = json(&documents().group_version("api/v1").unwrap());
    let schemas = &document["components"]["schemas"];
    let pod = &schemas["io.k8s.api.core.v1.Pod"];
    let kind = json!([{"group": "", "version": "v1", "kind": "Pod"}]);
    assert_eq!(pod["x-kubernetes-group-version-kind"], kind);
    assert!(pod["description"].as_str().is_some_and(|text| !text.is_empty()));
    let containers = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-list-type"], "map");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
    let patch = &document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"];
    let names: Vec<_> =
        patch["parameters"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert!(names.contains(&&json!("fieldValidation")));
}

#[test]
fn the_older_form_refers_to_its_own_definitions() {
    let document = json(&documents().v2());
    let definitions = &document["definitions"];
    types::references(&document, &mut |name| {
        let name = name.strip_prefix("#/definitions/").expect("a reference of v2");
        assert!(definitions.get(name).is_some(), "{name} is missing");
    });
}

#[test]
fn a_kind_added_later_appears_and_changes_the_index() {
    let registry = Registry::new(orchestrator_kinds::builtin());
    let documents = OpenApi::new(registry.clone());
    let before = documents.index().etag;
    assert!(documents.group_version("apis/example.com/v1").is_none());
    let gvr = GroupVersionResource::new("example.com", "v1", "widgets");
    registry.put(ResourceDef::new(gvr, "Widget", Scope::Namespaced));
    assert_ne!(documents.index().etag, before);
    let document = json(&documents.group_version("apis/example.com/v1").unwrap());
    assert!(document["paths"].get("/apis/example.com/v1/namespaces/{namespace}/widgets").is_some());
}
