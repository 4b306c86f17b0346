//! Requests that go on to pods and services.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use orchestrator_core::Env;
use orchestrator_core::env::Task;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::cluster::Cluster;

/// An address of the pods' own range, which is this host's too.
const POD_IP: &str = "127.64.77.1";

/// Answers each request with its own text, behind a header and a redirection.
async fn mirror() -> (u16, Task<()>) {
    let listener = TcpListener::bind((POD_IP, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = Env::system().spawn("mirror", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..read]);
            let head = "HTTP/1.1 203 Whatever\r\nlocation: /elsewhere\r\nx-pod: yes\r\n\
                        connection: close, x-hop\r\nx-hop: 1";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, task)
}

/// A pod at [`POD_IP`].
async fn cluster() -> Cluster {
    let cluster = Cluster::start().await;
    let account = json!({"metadata": {"name": "default"}});
    cluster.post("/api/v1/namespaces/default/serviceaccounts", &account).await;
    let pod = json!({"metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let made = cluster.post("/api/v1/namespaces/default/pods", &pod).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let address = json!({"status": {"podIP": POD_IP, "podIPs": [{"ip": POD_IP}]}});
    let patch = ["content-type: application/merge-patch+json"];
    let line = "PATCH /api/v1/namespaces/default/pods/p/status";
    let patched = cluster.call(line, &patch, address.to_string()).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    cluster
}

#[tokio::test]
async fn a_request_goes_on_to_a_pod_as_it_is() {
    let cluster = cluster().await;
    let (port, _mirror) = mirror().await;
    let path = format!("/api/v1/namespaces/default/pods/p:{port}/proxy");
    let line = format!("POST {path}/a/b%2Fc/?x=1&y");
    let answer = cluster.call(&line, &["x-mine: 1", "host: cluster"], "the body").await;
    assert_eq!(answer.status, 203, "{}", answer.text());
    assert_eq!(answer.header("x-pod"), "yes");
    assert_eq!(answer.header("x-hop"), "");
    assert_eq!(answer.header("location"), format!("{path}/elsewhere"));
    let sent = answer.text();
    assert!(sent.starts_with("POST /a/b%2Fc/?x=1&y HTTP/1.1\r\n"), "{sent}");
    assert!(sent.ends_with("\r\n\r\nthe body"), "{sent}");
    assert!(sent.contains(&format!("host: {POD_IP}:{port}\r\n")), "{sent}");
    assert!(sent.contains("x-mine: 1\r\n") && sent.contains("x-forwarded-host: cluster"), "{sent}");
    assert!(!sent.contains("authorization"), "{sent}");
    let root = cluster.get(&path).await.text();
    assert!(root.starts_with("GET / HTTP/1.1\r\n"), "{root}");
}

#[tokio::test]
async fn a_service_stands_for_its_ready_endpoints() {
    let cluster = cluster().await;
    let (port, _mirror) = mirror().await;
    let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [
        {"name": "http", "port": 80}, {"name": "other", "port": 81}]}});
    let made = cluster.post("/api/v1/namespaces/default/services", &service).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let proxy = async |name: &str| {
        cluster.get(&format!("/api/v1/namespaces/default/services/{name}/proxy/x")).await
    };
    let none = proxy("s:http").await.failed(503);
    assert_eq!(none, "no endpoints available for service \"s\"");
    let slice = json!({"metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4", "ports": [{"name": "http", "port": port}],
        "endpoints": [{"addresses": [POD_IP], "conditions": {"ready": true}}]});
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let made = cluster.post(slices, &slice).await;
    assert_eq!(made.status, 201, "{}", made.text());
    for name in ["s:http", "s:80", "http:s:80"] {
        let answer = proxy(name).await;
        assert!(answer.text().starts_with("GET /x HTTP/1.1"), "{name}: {}", answer.text());
    }
    let missing = proxy("s").await.failed(503);
    assert_eq!(missing, "no service port \"\" found for service \"s\"");
    proxy("s:81").await.failed(503);
    proxy("ftp:s:80").await.failed(400);
    proxy("nobody:80").await.failed(404);
}

/// Agrees to leave HTTP for a protocol of its own, in which it shouts.
async fn shouter() -> (u16, Task<()>) {
    let listener = TcpListener::bind((POD_IP, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = Env::system().spawn("shouter", async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.contains("upgrade: shouting\r\n") && head.contains("connection: Upgrade"));
        let answer = "HTTP/1.1 101 Fine\r\nconnection: Upgrade\r\nupgrade: shouting\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut word = [0; 5];
        stream.read_exact(&mut word).await.unwrap();
        stream.write_all(&word.map(|letter| letter.to_ascii_uppercase())).await.unwrap();
    });
    (port, task)
}

#[tokio::test]
async fn a_request_may_leave_http_behind_the_proxy() {
    let cluster = cluster().await;
    let (port, _shouter) = shouter().await;
    let (near, far) = tokio::io::duplex(4096);
    let _server = cluster.service.serve_duplex(far);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    let _client = Env::system().spawn("client", async move {
        connection.with_upgrades().await.unwrap();
    });
    let path = format!("/api/v1/namespaces/default/pods/p:{port}/proxy/x");
    let request = Request::get(path)
        .header("host", "cluster")
        .header("authorization", format!("Bearer {}", cluster.pki.admin_token()))
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "shouting")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["upgrade"], "shouting");
    let mut session = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    session.write_all(b"hello").await.unwrap();
    let mut heard = String::new();
    session.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "HELLO");
}

#[tokio::test]
async fn a_node_that_serves_no_http_cannot_be_gone_to() {
    let cluster = cluster().await;
    cluster.post("/api/v1/nodes", &json!({"metadata": {"name": "n"}})).await;
    cluster.get("/api/v1/nodes/n/proxy/healthz").await.failed(503);
    cluster.get("/api/v1/nodes/n:22/proxy/").await.failed(400);
    cluster.get("/api/v1/nodes/none/proxy/").await.failed(404);
}

#[tokio::test]
async fn what_cannot_be_reached_is_told() {
    let cluster = cluster().await;
    let closed = cluster.get("/api/v1/namespaces/default/pods/p:1/proxy/").await.failed(503);
    assert!(closed.starts_with("error trying to reach service: 127.64.77.1:1"), "{closed}");
    cluster.get("/api/v1/namespaces/default/pods/p:x/proxy/").await.failed(400);
    cluster.get("/api/v1/namespaces/default/pods/none/proxy/").await.failed(404);
    cluster.get("/api/v1/watch/namespaces/default/pods/p/proxy").await.failed(405);
    let own = json!({"status": {"podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}});
    let patch = ["content-type: application/merge-patch+json"];
    let line = "PATCH /api/v1/namespaces/default/pods/p/status";
    cluster.call(line, &patch, own.to_string()).await;
    let refused = cluster.get("/api/v1/namespaces/default/pods/p:22/proxy/").await.failed(400);
    assert_eq!(refused, "address not allowed");
}
