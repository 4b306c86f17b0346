//! Broken, oversized and slow input: a `Status` each time, never a panic, never a wait for ever.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use orchestrator_core::Env;
use proptest::prelude::*;
use tower::ServiceExt;

use crate::cluster::{Cluster, read};

const MAPS: &str = "POST /api/v1/namespaces/default/configmaps";
const JSON: &[&str] = &["content-type: application/json"];

#[tokio::test]
async fn broken_bodies_are_bad_requests() {
    let cluster = Cluster::start().await;
    let deep = "[".repeat(100_000);
    let deep_object = r#"{"metadata":"#.repeat(10_000);
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"[]",
        b"\"x\"",
        b"\xff\xfe\x00",
        b"{\"metadata\":{\"name\":\"\xc3\x28\"}}",
        deep.as_bytes(),
        deep_object.as_bytes(),
        b"{\"metadata\":{\"name\":1}}",
    ];
    for body in bodies {
        let answer = cluster.call(MAPS, JSON, body.to_vec()).await;
        answer.failed(400);
    }
}

#[tokio::test]
async fn broken_yaml_is_a_bad_request() {
    let cluster = Cluster::start().await;
    let bomb = format!("a: &a [x]\n{}", "b: &b [*a,*a]\n".repeat(100));
    for body in ["a: [", "\t- :", &bomb, &"- ".repeat(50_000), &"[".repeat(50_000)] {
        let answer = cluster.call(MAPS, &["content-type: application/yaml"], body.to_owned()).await;
        assert!(answer.status.is_client_error(), "{body:.20}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let cluster = Cluster::start().await;
    let message = cluster.call(MAPS, JSON, vec![b' '; 3 * 1024 * 1024 + 1]).await.failed(413);
    assert_eq!(message, "Request entity too large: limit is 3145728");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let cluster = Cluster::start().await;
    let drop = || Ok::<_, Infallible>(Frame::data(Bytes::from_static(b" ")));
    let slow = stream::unfold((), move |()| async move {
        Env::system().sleep(Duration::from_secs(1)).await;
        Some((drop(), ()))
    });
    let request = cluster.request(MAPS, JSON, "").map(|_| StreamBody::new(slow.boxed()));
    read(cluster.service.clone().oneshot(request).await.unwrap()).await.failed(408);
}

#[tokio::test]
async fn broken_paths_queries_and_headers_are_answered() {
    let cluster = Cluster::start().await;
    let lines = [
        "GET /api/v1/pods/%zz",
        "GET /api/v1/pods/%ff",
        "GET /api/v1/namespaces//pods",
        "GET /api/v1/namespaces/default/pods/%2e%2e%2f",
        "GET /api/v1/pods?limit=9999999999999999999999",
        "GET /api/v1/pods?continue=%00%ff",
        "GET /api/v1/pods?labelSelector=%28%28%28",
        "GET /api/v1/pods?fieldSelector=%3D%3D",
        "GET /api/v1/pods?resourceVersion=-1",
        "DELETE /api/v1/namespaces/default/pods/a?gracePeriodSeconds=x",
        "BREW /api/v1/pods",
        "GET //",
        "GET /openapi/v3/../../etc/passwd",
    ];
    for line in lines {
        let answer = cluster.call(line, &["accept: ;;;,,q=,=;a=b,*/*"], "").await;
        assert!(answer.status.as_u16() < 600, "{line}");
    }
    cluster.call("GET /api/v1/pods", &["accept: ;;;q=x"], "").await.failed(406);
}

#[tokio::test]
async fn a_header_that_is_no_text_is_no_credential() {
    let cluster = Cluster::start().await;
    let mut request = cluster.request("GET /api/v1/pods", &["authorization: x"], "");
    let value = http::HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    request.headers_mut().insert("authorization", value);
    let status = cluster.service.clone().oneshot(request).await.unwrap().status();
    assert!(matches!(status.as_u16(), 401 | 403), "{status}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_request_is_answered(
        method in "(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|X)",
        path in "/(api|apis|openapi|version|healthz)(/[a-z0-9%.:*]{0,8}){0,8}",
        query in "[a-zA-Z=&%0-9]{0,40}",
        accept in "[a-z/;=*, ]{0,40}",
        kind in "(application/json|application/yaml|application/merge-patch\\+json|x)",
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cluster = Cluster::start().await;
            let uri = format!("{path}?timeoutSeconds=1&{query}");
            let Ok(uri) = uri.parse::<http::Uri>() else { return };
            let headers = [format!("accept: {accept}"), format!("content-type: {kind}")];
            let headers = [headers[0].as_str(), headers[1].as_str()];
            let request: Request<_> = cluster.request(&format!("{method} {uri}"), &headers, body);
            let answer = cluster.service.clone().oneshot(request).await.unwrap();
            assert!(answer.status().as_u16() >= 100);
        });
    }
}
