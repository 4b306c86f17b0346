//! The node's HTTPS face, asked by the API server's own dialer.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Node;
use orchestrator_apiserver::kubelet::{CLIENT_NAME, KubeletDialer};
use orchestrator_apiserver::tls::Pki;
use orchestrator_core::node::{ExecOptions, LogOptions, NodeApi, NodeDialer};
use orchestrator_core::{Env, ObjectKey, Status};
use orchestrator_runtime::agent::{Agent, NodeConfig, Parts};
use orchestrator_runtime::kubelet::{Kubelet, KubeletConfig};
use orchestrator_runtime::process::{ProcessConfig, ProcessRuntime};
use orchestrator_wire::listener::Serving;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::plane::{Plane, key, words};

/// A node that serves, and the authority of its cluster.
struct Far {
    plane: Plane,
    pki: Pki,
    _serving: Serving,
    _agent: Agent,
    _dir: TempDir,
}

impl Far {
    async fn new() -> Self {
        let plane = Plane::new(Env::system()).await;
        let env = plane.env.clone();
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::in_memory(&env).unwrap();
        let bind = "127.0.0.1:0".parse().unwrap();
        let kubelet = Kubelet::bind(&KubeletConfig::new(bind, pki.ca_certificate()), "node-0");
        let kubelet = kubelet.unwrap();
        let config = ProcessConfig::new(dir.path().join("pods"));
        let runtime = Arc::new(ProcessRuntime::open(config, env.clone()).unwrap());
        let mut node = NodeConfig::new("node-0", dir.path().join("volumes"));
        node.port = kubelet.address().port();
        let parts = Parts::new(&plane.informers, runtime, "node-0");
        let pods = parts.pods.clone();
        let agent = Agent::start(node, parts);
        agent.ready().await;
        let serving = kubelet.serve(&env, "node-0", agent.api(), pods).unwrap();
        Self { plane, pki, _serving: serving, _agent: agent, _dir: dir }
    }

    /// The node, as somebody sees it who has a certificate of the cluster.
    async fn node(&self, user: &str, group: &str) -> Arc<dyn NodeApi> {
        let identity = self.pki.client(user, group).unwrap();
        let dialer = KubeletDialer::new(&identity, &self.plane.env).unwrap();
        let node = self.plane.client.api::<Node>().get(&ObjectKey::cluster("node-0")).await;
        dialer.dial(&node.unwrap()).await.unwrap()
    }

    async fn runs(&self, name: &str, script: &str) {
        let spec = json!({"restartPolicy": "Never", "automountServiceAccountToken": false,
            "containers": [{"name": "a", "image": "i", "command": ["sh", "-c", script]}]});
        self.plane.pod(name, json!({}), spec).await;
        self.plane.until(name, |pod| words(pod) == "Running a=Running+").await;
    }
}

fn container(options: ExecOptions) -> ExecOptions {
    ExecOptions { container: "a".into(), ..options }
}

async fn log(node: &dyn NodeApi, options: LogOptions) -> Result<String, Status> {
    let options = LogOptions { container: "a".into(), ..options };
    let chunks: Vec<_> = node.logs(&key("p"), options).await?.collect().await;
    Ok(String::from_utf8(chunks.concat()).unwrap())
}

#[tokio::test]
async fn logs_and_commands_cross_the_network() {
    let far = Far::new().await;
    far.runs("p", "echo one; echo two; exec sleep 100000").await;
    let node = far.node(CLIENT_NAME, "system:masters").await;
    let command = ["sh", "-c", "read line; echo $line; echo no >&2; exit 3"];
    let mut session = node
        .exec(
            &key("p"),
            container(ExecOptions {
                command: command.map(str::to_owned).to_vec(),
                stdin: true,
                stdout: true,
                stderr: true,
                ..ExecOptions::default()
            }),
        )
        .await
        .unwrap();
    session.stdin.take().unwrap().write_all(b"said\n").await.unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    session.stdout.take().unwrap().read_to_string(&mut out).await.unwrap();
    session.stderr.take().unwrap().read_to_string(&mut err).await.unwrap();
    assert_eq!((out.as_str(), err.as_str(), session.exit.await), ("said\n", "no\n", Ok(3)));

    let tail = LogOptions { tail_lines: Some(1), ..LogOptions::default() };
    assert_eq!(log(&*node, tail).await.unwrap(), "two\n");
    let missing = node.exec(&ObjectKey::new("default", "none"), container(joined())).await;
    assert_eq!(missing.unwrap_err().code, 404);
    let previous = LogOptions { previous: true, ..LogOptions::default() };
    let refused = log(&*node, previous).await.unwrap_err();
    assert_eq!((refused.code, refused.reason), (400, "BadRequest"));
    assert!(refused.message.contains("previous terminated container"), "{}", refused.message);
}

fn joined() -> ExecOptions {
    ExecOptions { command: vec!["true".into()], stdout: true, ..ExecOptions::default() }
}

#[tokio::test]
async fn ports_are_reached_and_closed_ones_say_so() {
    let far = Far::new().await;
    far.runs("p", "exec sleep 100000").await;
    let pod = far.plane.get("p").await.unwrap();
    let ip = pod.status.as_ref().unwrap().pod_ip.clone().unwrap();
    let listener = TcpListener::bind((ip.as_str(), 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _echo = far.plane.env.spawn("echo", async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        stream.write_all(heard.to_uppercase().as_bytes()).await.unwrap();
    });
    let node = far.node(CLIENT_NAME, "system:masters").await;
    let ports = node.port_forward(&key("p")).await.unwrap();
    let mut stream = ports.connect(port).await.unwrap();
    stream.write_all(b"all of it").await.unwrap();
    // The end of what is said crosses too, or the echo would wait for ever.
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "ALL OF IT");
    let mut closed = ports.connect(1).await.unwrap();
    let error = closed.read_u8().await.unwrap_err().to_string();
    assert!(error.contains("cannot connect to port 1"), "{error}");
}

#[tokio::test]
async fn only_the_api_server_is_let_in() {
    let far = Far::new().await;
    far.runs("p", "echo here; exec sleep 100000").await;
    let friend = far.node("anybody", "system:masters").await;
    assert_eq!(log(&*friend, LogOptions::default()).await.unwrap(), "here\n");
    let stranger = far.node("jane", "dev").await;
    let refused = log(&*stranger, LogOptions::default()).await.unwrap_err();
    assert_eq!(refused.code, 500);
    assert!(refused.message.contains("Forbidden (user=jane"), "{}", refused.message);
    let refused = stranger.exec(&key("p"), container(joined())).await.unwrap_err();
    assert!(refused.message.contains("Forbidden (user=jane"), "{}", refused.message);
    // A certificate of another authority does not even make a connection.
    let other = Pki::in_memory(&far.plane.env).unwrap();
    let identity = other.client(CLIENT_NAME, "system:masters").unwrap();
    let dialer = KubeletDialer::new(&identity, &far.plane.env).unwrap();
    let node = far.plane.client.api::<Node>().get(&ObjectKey::cluster("node-0")).await.unwrap();
    let impostor = dialer.dial(&node).await.unwrap();
    assert_eq!(log(&*impostor, LogOptions::default()).await.unwrap_err().code, 503);
    // Nor does a node whose certificate is not one of the authority that is asked for.
    let identity = far.pki.client(CLIENT_NAME, "system:masters").unwrap();
    let strict = KubeletDialer::verifying(&identity, far.pki.ca_certificate(), &far.plane.env);
    let node = strict.unwrap().dial(&node).await.unwrap();
    assert_eq!(log(&*node, LogOptions::default()).await.unwrap_err().code, 503);
}
