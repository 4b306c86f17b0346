//! Objects over HTTP: create, read, change, delete, in every form.

use serde_json::json;

use crate::cluster::Cluster;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const TABLE: &str = "accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

fn config_map(name: &str) -> orchestrator_core::Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": "v"}})
}

#[tokio::test]
async fn an_object_is_made_read_changed_and_deleted() {
    let cluster = Cluster::start().await;
    let made = cluster.post(MAPS, &config_map("a")).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("content-type"), "application/json");
    assert_eq!(made.header("cache-control"), "no-cache, private");
    assert!(!made.header("audit-id").is_empty());
    let merge = ["content-type: application/merge-patch+json"];
    let patched = cluster.call(&format!("PATCH {MAPS}/a"), &merge, r#"{"data":{"k":"w"}}"#).await;
    assert_eq!(patched.json()["data"]["k"], "w");
    assert_eq!(cluster.get(&format!("{MAPS}/a")).await.json()["data"]["k"], "w");
    let yaml = cluster.call(&format!("GET {MAPS}/a"), &["accept: application/yaml"], "").await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert!(yaml.text().contains("kind: ConfigMap\n"), "{}", yaml.text());
    let deleted = cluster.call(&format!("DELETE {MAPS}/a"), &[], "").await;
    assert_eq!((deleted.status.as_u16(), &deleted.json()["status"]), (200, &json!("Success")));
    let gone = cluster.get(&format!("{MAPS}/a")).await.failed(404);
    assert_eq!(gone, "configmaps \"a\" not found");
}

#[tokio::test]
async fn bodies_may_be_yaml() {
    let cluster = Cluster::start().await;
    let body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata: {k: v}\n";
    let made =
        cluster.call(&format!("POST {MAPS}"), &["content-type: application/yaml"], body).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

#[tokio::test]
async fn lists_come_as_objects_tables_and_metadata() {
    let cluster = Cluster::start().await;
    for name in ["a", "b"] {
        cluster.post(MAPS, &config_map(name)).await;
    }
    let list = cluster.get(&format!("{MAPS}?fieldSelector=metadata.name%3Da")).await.json();
    assert_eq!(
        (&list["kind"], list["items"].as_array().unwrap().len()),
        (&json!("ConfigMapList"), 1)
    );
    assert!(list["items"][0].get("kind").is_none());
    let table = cluster.call(&format!("GET {MAPS}/a"), &[TABLE], "").await.json();
    assert_eq!((&table["kind"], &table["rows"][0]["cells"][0]), (&json!("Table"), &json!("a")));
    let none = cluster.call(&format!("GET {MAPS}?includeObject=None"), &[TABLE], "").await.json();
    assert_eq!(none["rows"][0]["object"], json!(null));
    let accept = "accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let metadata = cluster.call(&format!("GET {MAPS}"), &[accept], "").await.json();
    assert_eq!(metadata["items"][0]["kind"], "PartialObjectMetadata");
    let paged = cluster.get(&format!("{MAPS}?limit=1")).await.json();
    let next = paged["metadata"]["continue"].as_str().unwrap();
    let rest = cluster.get(&format!("{MAPS}?continue={next}")).await.json();
    assert_ne!(rest["items"][0]["metadata"]["name"], paged["items"][0]["metadata"]["name"]);
}

#[tokio::test]
async fn a_client_that_prefers_protobuf_gets_json_where_it_takes_that_too() {
    let cluster = Cluster::start().await;
    let both = ["accept: application/vnd.kubernetes.protobuf,application/json"];
    let list = cluster.call(&format!("GET {MAPS}"), &both, "").await;
    assert_eq!(list.header("content-type"), "application/json");
    let only = ["accept: application/vnd.kubernetes.protobuf"];
    let list = cluster.call(&format!("GET {MAPS}"), &only, "").await;
    assert_eq!(list.header("content-type"), "application/vnd.kubernetes.protobuf");
    assert!(list.bytes.starts_with(b"k8s\0"));
    let crds = "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(cluster.call(crds, &only, "").await.status, 406);
}

#[tokio::test]
async fn bodies_may_be_protobuf() {
    let cluster = Cluster::start().await;
    let body: &[u8] = b"k8s\0\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x1b\x0a\x11\x0a\x01a\
        \x12\x00\x1a\x00\x22\x00*\x002\x008\x00B\x00\x12\x06\x0a\x01k\x12\x01v\x1a\x00\x22\x00";
    let headers = ["content-type: application/vnd.kubernetes.protobuf"];
    let made = cluster.call(&format!("POST {MAPS}"), &headers, body).await;
    assert_eq!((made.status.as_u16(), &made.json()["data"]["k"]), (201, &json!("v")));
    cluster.call(&format!("POST {MAPS}"), &headers, &b"k8s\0\xff"[..]).await.failed(400);
}

#[tokio::test]
async fn long_answers_are_compressed_where_the_client_takes_that() {
    let cluster = Cluster::start().await;
    for name in 0..3 {
        let mut map = config_map(&format!("big-{name}"));
        map["data"]["k"] = "x".repeat(100_000).into();
        cluster.post(MAPS, &map).await;
    }
    let plain = cluster.get(MAPS).await;
    assert!(plain.bytes.len() > 300_000 && plain.header("content-encoding").is_empty());
    let gzip = cluster.call(&format!("GET {MAPS}"), &["accept-encoding: gzip"], "").await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert!(gzip.bytes.len() < 10_000);
    let mut unzipped = String::new();
    std::io::Read::read_to_string(
        &mut flate2::read::GzDecoder::new(&gzip.bytes[..]),
        &mut unzipped,
    )
    .unwrap();
    assert_eq!(unzipped.len(), plain.bytes.len());
}

#[tokio::test]
async fn methods_that_a_path_does_not_have_are_refused() {
    let cluster = Cluster::start().await;
    let refused = [
        ("POST /api/v1/namespaces/default/configmaps/a", 405),
        ("PUT /api/v1/namespaces/default/configmaps", 405),
        ("OPTIONS /api/v1/namespaces/default/configmaps", 405),
        ("POST /api/v1/configmaps", 405),
        ("GET /api/v1/foos", 404),
        ("GET /apis/apps/v9/deployments", 404),
        ("GET /api/v1/namespaces/default/configmaps/a/nope", 404),
        ("POST /apis", 405),
    ];
    let json = ["content-type: application/json"];
    for (line, code) in refused {
        cluster.call(line, &json, "{}").await.failed(code);
    }
    let head = cluster.call(&format!("HEAD {MAPS}"), &[], "").await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (405, 0));
    let unknown = cluster.get("/apis/nope.io/v1/foos").await;
    assert_eq!((unknown.status.as_u16(), unknown.text().as_str()), (404, "404 page not found\n"));
}

#[tokio::test]
async fn callers_are_known_by_token_or_not_at_all() {
    let cluster = Cluster::start().await;
    let pods = "GET /api/v1/pods";
    cluster.call(pods, &["authorization: Bearer nope"], "").await.failed(401);
    cluster.call(pods, &["authorization: Basic YWRtaW46YWRtaW4="], "").await.failed(401);
    let anonymous = cluster.call(pods, &["authorization:"], "").await.failed(403);
    assert_eq!(
        anonymous,
        "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \
         \"\" at the cluster scope"
    );
    let jane = cluster.call(pods, &["impersonate-user: jane"], "").await.failed(403);
    assert!(jane.contains("User \"jane\""), "{jane}");
    cluster.call(pods, &["impersonate-group: g"], "").await.failed(400);
    let metrics = cluster.call("GET /metrics", &["authorization:"], "").await.failed(403);
    assert_eq!(metrics, "forbidden: User \"system:anonymous\" cannot get path \"/metrics\"");
}

#[tokio::test]
async fn a_service_account_is_known_by_the_token_that_it_asked_for() {
    let cluster = Cluster::start().await;
    let account = json!({"metadata": {"name": "builder"}});
    cluster.post("/api/v1/namespaces/default/serviceaccounts", &account).await;
    let path = "/api/v1/namespaces/default/serviceaccounts/builder/token";
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = cluster.post(path, &request).await;
    let token = answer.json()["status"]["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.text()))
        .to_owned();
    let bearer = format!("authorization: Bearer {token}");
    let refused = cluster.call("GET /api/v1/pods", &[&bearer], "").await.failed(403);
    assert!(refused.contains("system:serviceaccount:default:builder"), "{refused}");
    cluster.call("DELETE /api/v1/namespaces/default/serviceaccounts/builder", &[], "").await;
    cluster.call("GET /api/v1/pods", &[&bearer], "").await.failed(401);
}
