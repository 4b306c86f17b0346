//! Exec and port-forward over a connection of the same process.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, SinkExt, StreamExt};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Node;
use orchestrator_core::env::Task;
use orchestrator_core::node::{
    Connection, ExecOptions, ExecSession, LogOptions, NodeApi, NodeDialer, PortForwarder,
};
use orchestrator_core::{Env, ObjectKey, Status};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::cluster::Cluster;

/// A node whose commands shout back what they are told.
#[derive(Debug)]
struct Shouting;

#[async_trait]
impl NodeDialer for Shouting {
    async fn dial(&self, _: &Node) -> Result<Arc<dyn NodeApi>, Status> {
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl NodeApi for Shouting {
    async fn logs(
        &self,
        _: &ObjectKey,
        _: LogOptions,
    ) -> Result<BoxStream<'static, Bytes>, Status> {
        Ok(futures::stream::iter([Bytes::from_static(b"one\n"), Bytes::from_static(b"two\n")])
            .boxed())
    }

    async fn exec(&self, _: &ObjectKey, options: ExecOptions) -> Result<ExecSession, Status> {
        let (stdin, mut input) = tokio::io::duplex(64);
        let (mut output, stdout) = tokio::io::duplex(64);
        let exit = async move {
            let mut text = String::new();
            input.read_to_string(&mut text).await.map_err(Status::internal)?;
            let shout = format!("{} {}", options.command.join(" "), text.to_uppercase());
            output.write_all(shout.as_bytes()).await.map_err(Status::internal)?;
            Ok(0)
        };
        Ok(ExecSession {
            stdin: Some(Box::pin(stdin)),
            stdout: Some(Box::pin(stdout)),
            stderr: None,
            resize: None,
            exit: exit.boxed(),
        })
    }

    async fn attach(&self, pod: &ObjectKey, options: ExecOptions) -> Result<ExecSession, Status> {
        self.exec(pod, options).await
    }

    async fn port_forward(&self, _: &ObjectKey) -> Result<Arc<dyn PortForwarder>, Status> {
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl PortForwarder for Shouting {
    async fn connect(&self, port: u16) -> std::io::Result<Box<dyn Connection>> {
        if port == 81 {
            return Err(std::io::Error::other("nobody listens"));
        }
        let (near, mut far) = tokio::io::duplex(64);
        far.write_all(format!("port {port}").as_bytes()).await?;
        Ok(Box::new(near))
    }
}

async fn cluster() -> Cluster {
    let cluster = Cluster::with_nodes(Some(Arc::new(Shouting))).await;
    cluster.post("/api/v1/nodes", &json!({"metadata": {"name": "n"}})).await;
    let account = json!({"metadata": {"name": "default"}});
    cluster.post("/api/v1/namespaces/default/serviceaccounts", &account).await;
    let pod = json!({"metadata": {"name": "p"}, "spec": {
        "nodeName": "n", "containers": [{"name": "c", "image": "i"}]}});
    let made = cluster.post("/api/v1/namespaces/default/pods", &pod).await;
    assert_eq!(made.status, 201, "{}", made.text());
    cluster
}

struct Client {
    socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    _tasks: Vec<Task<()>>,
}

impl Client {
    async fn open(cluster: &Cluster, path: &str, protocol: &str) -> Result<Self, StatusCode> {
        let (near, far) = tokio::io::duplex(4096);
        let server = cluster.service.serve_duplex(far);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
        let client = Env::system().spawn("client", async move {
            connection.with_upgrades().await.unwrap();
        });
        let request = Request::get(format!("/api/v1/namespaces/default/pods/{path}"))
            .header("host", "cluster")
            .header("authorization", format!("Bearer {}", cluster.pki.admin_token()))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", protocol)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(response.status());
        }
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
        Ok(Self { socket, _tasks: vec![server, client] })
    }

    async fn send(&mut self, bytes: &'static [u8]) {
        self.socket.send(Message::Binary(Bytes::from_static(bytes))).await.unwrap();
    }

    /// Everything that comes on `channel` until the server says goodbye.
    async fn read(&mut self, channel: u8) -> String {
        let mut text = Vec::new();
        while let Some(Ok(message)) = self.socket.next().await {
            if let Message::Binary(bytes) = message
                && bytes.first() == Some(&channel)
            {
                text.extend_from_slice(&bytes[1..]);
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[tokio::test]
async fn a_command_runs_over_a_web_socket() {
    let cluster = cluster().await;
    let query = "p/exec?command=echo&command=-n&stdin=true&stdout=true";
    let protocols = "v5.channel.k8s.io, v4.channel.k8s.io";
    let mut client = Client::open(&cluster, query, protocols).await.unwrap();
    client.send(b"\0hello ").await;
    client.send(b"\0there").await;
    client.send(b"\xff\0").await;
    assert_eq!(client.read(1).await, "echo -n HELLO THERE");
    let mut client = Client::open(&cluster, query, protocols).await.unwrap();
    client.send(b"\xff\0").await;
    assert_eq!(client.read(3).await, r#"{"metadata":{},"status":"Success"}"#);
}

#[tokio::test]
async fn ports_are_reached_over_a_web_socket() {
    let cluster = cluster().await;
    let open = || Client::open(&cluster, "p/portforward?ports=80,81", "v4.channel.k8s.io");
    assert_eq!(open().await.unwrap().read(0).await, "P\0port 80");
    assert_eq!(open().await.unwrap().read(3).await, "Q\0cannot connect to port 81: nobody listens");
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused() {
    let cluster = cluster().await;
    let exec = "/api/v1/namespaces/default/pods/p/exec?command=ls";
    let plain = cluster.get(exec).await.failed(400);
    assert_eq!(plain, "Upgrade request required");
    cluster.get("/api/v1/namespaces/default/pods/none/exec?command=ls").await.failed(404);
    let refused = |path, protocol| Client::open(&cluster, path, protocol).map(|c| c.err().unwrap());
    assert_eq!(refused("p/exec?command=ls", "v9.channel.k8s.io").await, 400);
    assert_eq!(refused("none/exec?command=ls", "v4.channel.k8s.io").await, 404);
    assert_eq!(refused("p/portforward?ports=x", "v4.channel.k8s.io").await, 400);
}

#[tokio::test]
async fn a_log_is_text() {
    let cluster = cluster().await;
    let log = cluster.get("/api/v1/namespaces/default/pods/p/log").await;
    assert_eq!((log.header("content-type"), log.text().as_str()), ("text/plain", "one\ntwo\n"));
}
