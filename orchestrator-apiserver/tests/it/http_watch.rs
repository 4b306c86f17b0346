//! Watches over HTTP.

use http_body_util::BodyExt;
use orchestrator_apiserver::encode::Payload;
use orchestrator_core::Json;
use serde_json::json;

use crate::cluster::Cluster;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// The lines of a watch as they come.
struct Lines {
    body: Payload,
    text: String,
}

impl Lines {
    async fn open(cluster: &Cluster, query: &str, headers: &[&str]) -> Self {
        let response = cluster.open(&format!("GET {query}"), headers).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Json> {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let event = serde_json::from_str(line).unwrap();
                self.text = rest.to_owned();
                return Some(event);
            }
            let frame = self.body.frame().await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }
}

fn config_map(name: &str, value: &str) -> Json {
    json!({"metadata": {"name": name, "labels": {"t": "1"}}, "data": {"k": value}})
}

#[tokio::test]
async fn a_watch_follows_what_happens() {
    let cluster = Cluster::start().await;
    cluster.post(MAPS, &config_map("a", "1")).await;
    let mut lines =
        Lines::open(&cluster, &format!("{MAPS}?watch=1&labelSelector=t%3D1"), &[]).await;
    let first = lines.next().await.unwrap();
    assert_eq!((&first["type"], &first["object"]["kind"]), (&json!("ADDED"), &json!("ConfigMap")));
    let merge = ["content-type: application/merge-patch+json"];
    cluster.call(&format!("PATCH {MAPS}/a"), &merge, r#"{"data":{"k":"2"}}"#).await;
    let second = lines.next().await.unwrap();
    assert_eq!(
        (&second["type"], &second["object"]["data"]["k"]),
        (&json!("MODIFIED"), &json!("2"))
    );
    cluster.call(&format!("DELETE {MAPS}/a"), &[], "").await;
    assert_eq!(lines.next().await.unwrap()["type"], "DELETED");
}

#[tokio::test]
async fn the_old_watch_path_still_works() {
    let cluster = Cluster::start().await;
    cluster.post(MAPS, &config_map("a", "1")).await;
    cluster.post(MAPS, &config_map("b", "1")).await;
    let path = "/api/v1/watch/namespaces/default/configmaps/b";
    let mut lines = Lines::open(&cluster, path, &[]).await;
    assert_eq!(lines.next().await.unwrap()["object"]["metadata"]["name"], "b");
}

#[tokio::test]
async fn a_watch_of_tables_tells_its_columns_once() {
    let cluster = Cluster::start().await;
    cluster.post(MAPS, &config_map("a", "1")).await;
    let table = ["accept: application/json;as=Table;v=v1;g=meta.k8s.io"];
    let mut lines =
        Lines::open(&cluster, &format!("{MAPS}?watch=1&labelSelector=t%3D1"), &table).await;
    let first = lines.next().await.unwrap()["object"].clone();
    assert_eq!(
        (&first["kind"], &first["columnDefinitions"][0]["name"]),
        (&json!("Table"), &json!("Name"))
    );
    cluster.post(MAPS, &config_map("b", "1")).await;
    let second = lines.next().await.unwrap()["object"].clone();
    assert_eq!(second["columnDefinitions"], json!(null));
    assert_eq!(second["rows"][0]["cells"][0], "b");
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_over() {
    let cluster = Cluster::start().await;
    let mut lines =
        Lines::open(&cluster, &format!("{MAPS}?watch=1&labelSelector=none&timeoutSeconds=7"), &[])
            .await;
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_at_once() {
    let cluster = Cluster::start().await;
    let refused = [
        (format!("GET {MAPS}?watch=1&timeoutSeconds=x"), 400),
        (format!("GET {MAPS}?watch=1&fieldSelector=a"), 400),
        ("GET /api/v1/namespaces/default/frobs?watch=1".into(), 404),
        ("DELETE /api/v1/watch/pods".into(), 405),
    ];
    for (line, code) in refused {
        cluster.call(&line, &[], "").await.failed(code);
    }
    let xml = cluster.call(&format!("GET {MAPS}?watch=1"), &["accept: application/xml"], "").await;
    assert!(xml.failed(406).starts_with("406: Not Acceptable\n\nAvailable representations: "));
}
