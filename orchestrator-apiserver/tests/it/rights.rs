//! Rights: what roles give, from the moment they are written, and what nobody may give away.

use orchestrator_core::request::Options;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{ApiRequest, ApiService, Json, Status, UserInfo, Verb};
use serde_json::json;

use crate::support::{Api, gvr, object};

const ROLES: &str = "rbac.authorization.k8s.io/v1/roles";
const BINDINGS: &str = "rbac.authorization.k8s.io/v1/rolebindings";

fn user(name: &str) -> UserInfo {
    UserInfo::new(name, Vec::<String>::new())
}

/// Makes a role of one rule in `ns`, and gives it to somebody.
async fn give(api: &Api, name: &str, who: &str, rule: Json) {
    let role = json!({"metadata": {"name": name}, "rules": [rule]});
    api.create(ROLES, role).await.unwrap();
    bind(api, name, who).await;
}

async fn bind(api: &Api, role: &str, who: &str) {
    let binding = json!({"metadata": {"name": format!("{role}-{who}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": [{"kind": "User", "name": who, "apiGroup": "rbac.authorization.k8s.io"}]});
    api.create(BINDINGS, binding).await.unwrap();
}

async fn send(api: &Api, who: &UserInfo, verb: Verb, path: &str, name: &str) -> Result<(), Status> {
    let mut request = ApiRequest::new(verb, gvr(path), who.clone()).namespace("ns");
    request.name = name.into();
    api.server.call(request).await.map(drop)
}

async fn make(api: &Api, who: &UserInfo, path: &str, body: Json) -> Result<(), Status> {
    let request = ApiRequest::new(Verb::Create, gvr(path), who.clone()).namespace("ns");
    api.server.call(request.body(object(body))).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_right_counts_from_its_binding_until_the_binding_goes() {
    let api = Api::new().await;
    let jane = user("jane");
    let list = async || send(&api, &jane, Verb::List, "v1/configmaps", "").await;
    assert_eq!(list().await.unwrap_err().code, 403);
    let rule = json!({"verbs": ["list"], "apiGroups": [""], "resources": ["configmaps"]});
    give(&api, "reader", "jane", rule).await;
    list().await.unwrap();
    assert_eq!(send(&api, &jane, Verb::List, "v1/secrets", "").await.unwrap_err().code, 403);
    api.delete(BINDINGS, "reader-jane", Options::default()).await.unwrap();
    let refused = list().await.unwrap_err();
    assert_eq!(
        refused.message,
        "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\" in API group \
         \"\" in the namespace \"ns\""
    );
}

#[tokio::test(start_paused = true)]
async fn a_collection_of_one_name_needs_the_right_to_that_name() {
    let api = Api::new().await;
    let rule = json!({"verbs": ["list"], "apiGroups": [""], "resources": ["configmaps"],
        "resourceNames": ["a"]});
    give(&api, "one", "jane", rule).await;
    for (selector, wanted) in [("metadata.name=a", true), ("metadata.name=b", false), ("", false)] {
        let options = Options { field_selector: selector.into(), ..Options::default() };
        let request = ApiRequest::new(Verb::List, gvr("v1/configmaps"), user("jane"));
        let answered = api.server.call(request.namespace("ns").options(options)).await;
        assert_eq!(answered.is_ok(), wanted, "{selector:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_gives_away_what_is_not_theirs() {
    let api = Api::new().await;
    let ed = user("ed");
    let rule = json!({"verbs": ["create", "update"], "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["roles", "rolebindings"]});
    give(&api, "roles", "ed", rule).await;
    let pods = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
    let role = |name: &str| json!({"metadata": {"name": name}, "rules": [pods]});
    let refused = make(&api, &ed, ROLES, role("more")).await.unwrap_err();
    assert_eq!(
        refused.message,
        "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"ed\" \
         (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently \
         held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}"
    );
    api.create(ROLES, role("pods")).await.unwrap();
    let binding = |role: &str| {
        json!({"metadata": {"name": format!("by-ed-{role}")}, "subjects": [],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}})
    };
    assert_eq!(make(&api, &ed, BINDINGS, binding("pods")).await.unwrap_err().code, 403);
    let lost = make(&api, &ed, BINDINGS, binding("lost")).await.unwrap_err();
    assert_eq!(lost.message, "roles.rbac.authorization.k8s.io \"lost\" not found");
    let rule = json!({"verbs": ["bind"], "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["roles"], "resourceNames": ["pods"]});
    give(&api, "may-bind", "ed", rule).await;
    make(&api, &ed, BINDINGS, binding("pods")).await.unwrap();
    bind(&api, "pods", "ed").await;
    make(&api, &ed, ROLES, role("more")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_reads_what_its_pods_use_while_they_are_there() {
    let api = Api::new().await;
    let node = UserInfo::new("system:node:n1", ["system:nodes"]);
    let read = async |name| send(&api, &node, Verb::Get, "v1/secrets", name).await;
    for name in ["used", "other"] {
        api.create("v1/secrets", json!({"metadata": {"name": name}})).await.unwrap();
    }
    assert_eq!(read("used").await.unwrap_err().code, 403);
    let pod = json!({"metadata": {"name": "p"}, "spec": {"nodeName": "n1",
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "c", "image": "i"}],
        "volumes": [{"name": "v", "secret": {"secretName": "used"}}]}});
    api.create("v1/pods", pod).await.unwrap();
    read("used").await.unwrap();
    let refused = read("other").await.unwrap_err();
    assert!(refused.message.ends_with("no relationship found between node 'n1' and this object"));
    let options = Options { grace_period_seconds: Some(0), ..Options::default() };
    api.delete("v1/pods", "p", options).await.unwrap();
    assert_eq!(read("used").await.unwrap_err().code, 403);
}

#[tokio::test(start_paused = true)]
async fn every_cluster_has_its_roles_and_they_are_mended() {
    let api = Api::new().await;
    let admin = UserInfo::system("admin");
    let roles = gvr("rbac.authorization.k8s.io/v1/clusterroles");
    let count = async || {
        let list = ApiRequest::new(Verb::List, roles.clone(), admin.clone());
        match api.server.call(list).await.unwrap().body {
            ResponseBody::List(list) => list.items.len(),
            other => panic!("{other:?} is no list"),
        }
    };
    assert_eq!(count().await, 70);
    let mut delete = ApiRequest::new(Verb::Delete, roles.clone(), admin.clone());
    delete.name = "system:basic-user".into();
    api.server.call(delete).await.unwrap();
    assert_eq!(count().await, 69);
    api.server.start().await.unwrap();
    assert_eq!(count().await, 70);
}
