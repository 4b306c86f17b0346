//! Admission policies: expressions that refuse, warn and change.

use orchestrator_core::{Json, ObjectKey, Verb};
use serde_json::json;

use crate::support::{Api, object, request};

const GROUP: &str = "admissionregistration.k8s.io/v1";

/// Rules that match every write of a config map.
fn constraints() -> Json {
    json!({"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]})
}

async fn make(api: &Api, plural: &str, name: &str, spec: Json) {
    let body = json!({"metadata": {"name": name}, "spec": spec});
    let request =
        request(Verb::Create, &format!("{GROUP}/{plural}")).namespace("").body(object(body));
    api.call(request).await.unwrap_or_else(|status| panic!("{status}"));
}

/// A policy over config maps with one binding that denies.
async fn policy(api: &Api, name: &str, mut spec: Json) {
    spec["matchConstraints"] = constraints();
    make(api, "validatingadmissionpolicies", name, spec).await;
    let binding = json!({"policyName": name, "validationActions": ["Deny"]});
    make(api, "validatingadmissionpolicybindings", name, binding).await;
}

async fn write(api: &Api, name: &str, data: Json) -> Result<Json, (u16, String)> {
    let body = json!({"metadata": {"name": name}, "data": data});
    let made = api.create("v1/configmaps", body).await;
    made.map_err(|status| (status.code, status.message))
}

fn refused(policy: &str, name: &str, why: &str) -> String {
    format!(
        "configmaps {name:?} is forbidden: ValidatingAdmissionPolicy '{policy}' with binding \
         '{policy}' denied request: {why}"
    )
}

#[tokio::test(start_paused = true)]
async fn a_policy_holds_for_the_next_request_after_its_binding() {
    let api = Api::new().await;
    let rules = json!([
        {"expression": "!has(object.data) || !('bad' in object.data)", "message": "not bad"},
        {"expression": "object.metadata.name.size() < 6",
         "messageExpression": "'too long: ' + string(object.metadata.name.size())",
         "reason": "RequestEntityTooLarge"},
        {"expression": "object.metadata.name != 'plain'"},
    ]);
    policy(&api, "p", json!({ "validations": rules })).await;
    assert!(write(&api, "good", json!({"a": "1"})).await.is_ok());
    let rows = [
        ("a", json!({"bad": "1"}), 422, "not bad"),
        ("longer", json!({}), 413, "too long: 6"),
        ("longer", json!({"bad": "1"}), 422, "not bad"),
        ("plain", json!({}), 422, "failed expression: object.metadata.name != 'plain'"),
    ];
    for (name, data, code, why) in rows {
        assert_eq!(write(&api, name, data).await.unwrap_err(), (code, refused("p", name, why)));
    }
    let update = api.patch("v1/configmaps", "good", json!({"data": {"bad": "1"}})).await;
    assert_eq!(update.unwrap_err().message, refused("p", "good", "not bad"));
    let key = ObjectKey::new("", "p");
    let bindings = format!("{GROUP}/validatingadmissionpolicybindings");
    api.call(request(Verb::Delete, &bindings).object(&key)).await.unwrap();
    assert!(write(&api, "a", json!({"bad": "1"})).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn errors_fail_or_are_passed_over_as_the_policy_says() {
    let api = Api::new().await;
    let rules = json!([{"expression": "object.data.missing == 'x'"}]);
    policy(&api, "fails", json!({ "validations": rules })).await;
    let (code, message) = write(&api, "a", json!({"b": "1"})).await.unwrap_err();
    let why = "expression 'object.data.missing == 'x'' resulted in error: no such key: missing";
    assert_eq!((code, message), (422, refused("fails", "a", why)));
    let key = ObjectKey::new("", "fails");
    let policies = format!("{GROUP}/validatingadmissionpolicies");
    let change = object(json!({"spec": {"failurePolicy": "Ignore"}}));
    let patch = orchestrator_core::request::Body::Patch {
        bytes: serde_json::to_vec(&change).unwrap().into(),
        kind: orchestrator_core::request::PatchKind::Merge,
    };
    api.call(request(Verb::Patch, &policies).object(&key).body(patch)).await.unwrap();
    assert!(write(&api, "a", json!({"b": "1"})).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn variables_conditions_and_parameters() {
    let api = Api::new().await;
    let spec = json!({
        "matchConstraints": constraints(),
        "paramKind": {"apiVersion": "v1", "kind": "Secret"},
        "matchConditions": [{"name": "c", "expression": "!object.metadata.name.startsWith('free')"}],
        "variables": [
            {"name": "max", "expression": "int(params.metadata.labels.max)"},
            {"name": "n", "expression": "size(object.data)"},
        ],
        "validations": [{"expression": "variables.n <= variables.max",
            "messageExpression": "string(variables.n) + ' over ' + string(variables.max)"}],
    });
    make(&api, "validatingadmissionpolicies", "p", spec).await;
    let binding = json!({"policyName": "p", "validationActions": ["Deny"], "paramRef":
        {"name": "limit", "namespace": "ns", "parameterNotFoundAction": "Deny"}});
    make(&api, "validatingadmissionpolicybindings", "p", binding).await;
    let none = "failed to configure binding: no params found for policy binding with `Deny` \
                parameterNotFoundAction";
    let two = || json!({"a": "1", "b": "2"});
    assert_eq!(write(&api, "x", two()).await.unwrap_err(), (422, refused("p", "x", none)));
    let limit = |max: &str| json!({"metadata": {"name": "limit", "labels": {"max": max}}});
    api.create("v1/secrets", limit("1")).await.unwrap();
    assert_eq!(write(&api, "x", two()).await.unwrap_err(), (422, refused("p", "x", "2 over 1")));
    assert!(write(&api, "freely", two()).await.is_ok());
    api.patch("v1/secrets", "limit", limit("2")).await.unwrap();
    assert!(write(&api, "x", two()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_policy_asks_the_authorizer_and_may_only_warn() {
    let api = Api::new().await;
    let allowed = "authorizer.group('').resource('secrets').namespace('ns').check('get').allowed()";
    let spec = json!({"matchConstraints": constraints(), "validations": [
        {"expression": allowed, "message": "no secrets for you"},
        {"expression": format!("!{allowed}"), "message": "all secrets for you"},
    ]});
    make(&api, "validatingadmissionpolicies", "p", spec).await;
    let binding = json!({"policyName": "p", "validationActions": ["Warn", "Audit"]});
    make(&api, "validatingadmissionpolicybindings", "b", binding).await;
    let body = object(json!({"metadata": {"name": "a"}}));
    let made = api.object(request(Verb::Create, "v1/configmaps").body(body)).await.unwrap();
    let warning = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': all \
                   secrets for you";
    assert_eq!(made.warnings, [warning]);
}

#[tokio::test(start_paused = true)]
async fn deletions_and_the_configuration_itself() {
    let api = Api::new().await;
    let spec = json!({"validations": [{"expression":
        "request.operation != 'DELETE' || oldObject.metadata.name != 'kept'", "message": "kept"}],
        "matchConstraints": {"resourceRules": [{"apiGroups": ["*"], "apiVersions": ["*"],
            "operations": ["*"], "resources": ["*"]}]}});
    make(&api, "validatingadmissionpolicies", "kept", spec).await;
    let binding = json!({"policyName": "kept", "validationActions": ["Deny"]});
    make(&api, "validatingadmissionpolicybindings", "kept", binding).await;
    write(&api, "kept", json!({})).await.unwrap();
    let key = ObjectKey::new("ns", "kept");
    let deleted = api.call(request(Verb::Delete, "v1/configmaps").object(&key)).await;
    assert_eq!(deleted.unwrap_err().message, refused("kept", "kept", "kept"));
    let all = api.call(request(Verb::DeleteCollection, "v1/configmaps")).await;
    assert_eq!(all.unwrap_err().message, refused("kept", "Unknown", "kept"));
    let key = ObjectKey::new("", "kept");
    let policies = format!("{GROUP}/validatingadmissionpolicies");
    assert!(api.call(request(Verb::Delete, &policies).object(&key)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn mutating_policies_merge_and_patch() {
    let api = Api::new().await;
    let spec = json!({
        "matchConstraints": constraints(),
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression":
                "Object{metadata: Object.metadata{labels: {'seen': 'yes'}}}"}},
            {"patchType": "JSONPatch", "jsonPatch": {"expression":
                "has(object.data) ? [JSONPatch{op: 'add', path: '/metadata/labels/' + \
                 jsonpatch.escapeKey('a/b'), value: object.metadata.labels['seen']}] : []"}},
        ],
    });
    make(&api, "mutatingadmissionpolicies", "m", spec).await;
    let binding = json!({"policyName": "m"});
    make(&api, "mutatingadmissionpolicybindings", "m", binding).await;
    let made = write(&api, "a", json!({"x": "1"})).await.unwrap();
    assert_eq!(made["metadata"]["labels"], json!({"seen": "yes", "a/b": "yes"}));
    assert_eq!(made["data"], json!({"x": "1"}));
}

#[test]
fn the_steps_are_in_the_chain() {
    let names: Vec<_> =
        orchestrator_apiserver::admission::builtin().iter().map(|step| step.name()).collect();
    let last = names.len() - 5;
    assert_eq!(
        names[last..],
        [
            "MutatingAdmissionPolicy",
            "MutatingAdmissionWebhook",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionWebhook",
            "ResourceQuota",
        ]
    );
}
