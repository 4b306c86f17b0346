//! What is served, health and version.

use serde_json::json;

use crate::cluster::Cluster;

const AGGREGATED: &str = "accept: application/json;g=apidiscovery.k8s.io;v=v2;\
                          as=APIGroupDiscoveryList,application/json";

#[tokio::test]
async fn discovery_comes_aggregated_or_group_by_group() {
    let cluster = Cluster::start().await;
    let all = cluster.call("GET /apis", &[AGGREGATED], "").await;
    assert_eq!(
        all.header("content-type"),
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    );
    assert_eq!(all.header("vary"), "Accept");
    let known = format!("if-none-match: {}", all.header("etag"));
    let again = cluster.call("GET /apis", &[AGGREGATED, &known], "").await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    let old = "accept: application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
    cluster.call("GET /apis", &[old], "").await.failed(406);
    let group = cluster.call("GET /apis/apps", &[AGGREGATED], "").await.json();
    assert_eq!((&group["kind"], &group["name"]), (&json!("APIGroup"), &json!("apps")));
    let core = cluster.get("/api/v1").await.json();
    assert_eq!(core["resources"][0]["name"], "bindings");
    let yaml = cluster.call("GET /apis", &["accept: application/yaml"], "").await;
    assert!(yaml.text().contains("kind: APIGroupList\n"));
}

#[tokio::test]
async fn the_order_of_groups_is_that_of_a_real_server() {
    let cluster = Cluster::start().await;
    let groups = cluster.get("/apis").await.json()["groups"].clone();
    let names: Vec<_> =
        groups.as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
    assert_eq!(&names[..3], ["apiregistration.k8s.io", "apps", "events.k8s.io"]);
    assert_eq!(names.last(), Some(&"flowcontrol.apiserver.k8s.io"));
}

#[tokio::test]
async fn health_is_told_as_a_whole_and_check_by_check() {
    let cluster = Cluster::start().await;
    for path in ["/healthz", "/livez", "/readyz", "/livez/ping", "/readyz/informer-sync"] {
        assert_eq!(cluster.get(path).await.text(), "ok", "{path}");
    }
    let verbose = cluster.get("/readyz?verbose&exclude=ping&exclude=x").await.text();
    assert_eq!(
        verbose,
        "[+]ping excluded: ok\n[+]etcd ok\n[+]informer-sync ok\n[+]shutdown ok\n\
         warn: some health checks cannot be excluded: no matches for \"x\"\n\
         readyz check passed\n"
    );
    assert_eq!(cluster.get("/livez/nope").await.status, 404);
    assert_eq!(cluster.get("/livez/informer-sync").await.status, 404);
}

#[tokio::test]
async fn version_metrics_keys_and_paths() {
    let cluster = Cluster::start().await;
    let version = cluster.call("GET /version", &["authorization:"], "").await.json();
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("36")));
    cluster.get("/api/v1/pods").await;
    let metrics = cluster.get("/metrics").await;
    assert!(metrics.text().contains("# TYPE apiserver_request_total counter\n"));
    assert!(metrics.text().contains("resource=\"pods\",verb=\"LIST\"} 1\n"), "{}", metrics.text());
    let keys = cluster.get("/openid/v1/jwks").await.json();
    assert_eq!(keys["keys"][0]["kty"], "EC");
    let paths = cluster.get("/").await.json();
    assert!(paths["paths"].as_array().unwrap().contains(&json!("/apis/apps/v1")));
    assert_eq!(cluster.get("/nothing/here").await.text(), "404 page not found\n");
}

#[tokio::test]
async fn openapi_documents_are_named_by_hash() {
    let cluster = Cluster::start().await;
    let index = cluster.get("/openapi/v3").await;
    assert_eq!(index.header("content-type"), "text/plain; charset=utf-8");
    let url = index.json()["paths"]["api/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let document = cluster.get(&url).await;
    assert_eq!(document.header("cache-control"), "public, immutable");
    assert!(document.json()["components"]["schemas"]["io.k8s.api.core.v1.Pod"].is_object());
    assert_eq!(cluster.get("/openapi/v3/apis/nope/v1").await.status, 404);
    assert_eq!(cluster.get("/openapi/v2").await.json()["swagger"], "2.0");
}
