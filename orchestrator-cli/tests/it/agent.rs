//! A node in a process of its own: the API server reaches its pods over the network.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::server::{Server, has, lines, terminate};

/// Where pods and services live: loopback addresses, which any process of this host can take.
const NETWORK: [&str; 4] = ["--service-cidr", "127.96.0.0/12", "--pod-cidr", "127.64.0.0/12"];

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: toolbox
    command: [PROGRAM, toolbox, http, --text, far away, --listen, '$(POD_IP):8080']
    env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: talk}
spec:
  containers:
  - name: talk
    image: shell
    command: [sh, -c, 'echo begun; trap \"exit 0\" TERM; n=0; while :; do n=$((n+1)); echo line $n; sleep 0.2; done']
";

/// An agent; dropping it ends the process.
struct Agent {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Agent {
    fn start(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
        command.arg("agent").arg("--kubeconfig").arg(server.file("admin.kubeconfig"));
        command.args(["--node-name", "far", "--data-dir"]).arg(folder.path());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let ready = lines.recv_timeout(Duration::from_secs(60)).expect("the agent is ready");
        assert_eq!(ready, "ready agent far");
        Self { child, _folder: folder }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        terminate(&self.child);
        let _ = self.child.wait();
    }
}

#[test]
fn pods_of_a_remote_node_are_logged_entered_and_forwarded_to() {
    if !has("kubectl") {
        return;
    }
    let server = Server::start("apiserver,controllers,scheduler", &NETWORK);
    let _agent = Agent::start(&server);
    let pods = PODS.replace("PROGRAM", env!("CARGO_BIN_EXE_orchestrator"));
    server.kubectl(&["wait", "--for=create", "serviceaccount/default", "--timeout=30s"]).ok();
    server.kubectl_with(&["apply", "-f", "-"], &pods).ok();
    server.kubectl(&["wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s"]).ok();

    follow(&server);
    server.kubectl(&["logs", "talk", "--tail=1"]).prints("line ");
    commands(&server);
    forward(&server);
    strangers(&server);
}

/// The log goes on as it grows, and a pod without logs is told with the words of its node.
fn follow(server: &Server) {
    let mut command = server.kubectl_command(&["logs", "-f", "talk"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .take_while(|line| line != "line 12")
        .collect();
    terminate(&child);
    child.wait().unwrap();
    assert_eq!((lines[0].as_str(), lines.len()), ("begun", 12), "{lines:?}");
    let error = server.kubectl(&["logs", "talk", "--previous"]).fails();
    assert!(error.contains("previous terminated container"), "{error}");
}

/// Input, output, errors and exit codes cross the network.
fn commands(server: &Server) {
    let shout = ["exec", "-i", "talk", "--", "sh", "-c", "tr a-z A-Z"];
    let text = "what is said\n".repeat(5_000);
    let said = server.kubectl_with(&shout, &text).ok();
    assert!(said == text.to_uppercase(), "{} of {} bytes came back", said.len(), text.len());
    let fails = ["exec", "talk", "--", "sh", "-c", "echo oh no >&2; exit 7"];
    let output = server.kubectl_command(&fails).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{error}");
    assert!(error.contains("oh no"), "{error}");
    let error = server.kubectl(&["exec", "talk", "--", "no-such-program"]).fails();
    assert!(error.contains("no-such-program"), "{error}");
}

/// A port of a pod is a port here, several times over; one where nobody listens says so.
fn forward(server: &Server) {
    let mut command = server.kubectl_command(&["port-forward", "pod/web", ":8080", ":81"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let said = lines(child.stdout.take().unwrap());
    let errors = lines(child.stderr.take().unwrap());
    let port_of = |target: &str| loop {
        let line = said.recv_timeout(Duration::from_secs(30)).expect("kubectl forwards");
        let Some(rest) = line.strip_prefix("Forwarding from 127.0.0.1:") else { continue };
        let (port, to) = rest.split_once(" -> ").unwrap();
        assert_eq!(to, target, "{line}");
        break port.parse::<u16>().unwrap();
    };
    let (port, closed) = (port_of("8080"), port_of("81"));
    for _ in 0..3 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("far away"), "{answer}");
    }
    let mut stream = TcpStream::connect(("127.0.0.1", closed)).unwrap();
    let _ = stream.read(&mut [0; 16]);
    let error = errors.recv_timeout(Duration::from_secs(20)).expect("kubectl tells the error");
    assert!(error.contains("an error occurred forwarding"), "{error}");
    terminate(&child);
    child.wait().unwrap();
}

/// Without a certificate 401, with one of somebody else 403, for the administrator the pods.
fn strangers(server: &Server) {
    if !has("curl") || !has("openssl") {
        return;
    }
    let node = |path: &str| {
        server.kubectl(&["get", "node", "far", "-o", &format!("jsonpath={{{path}}}")]).ok()
    };
    let port = node(".status.daemonEndpoints.kubeletEndpoint.Port");
    let address = node(".status.addresses[?(@.type==\"InternalIP\")].address");
    let ask = |more: &[&str]| {
        let url = format!("https://{address}:{port}/pods");
        let write = ["-sk", "-o", "/dev/null", "-w", "%{http_code}", &url];
        let output = Command::new("curl").args(write).args(more).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(ask(&[]), "401");
    for (user, group, code) in [("jane", "dev", "403"), ("joe", "system:masters", "200")] {
        let (certificate, key) = signed(server, user, group);
        assert_eq!(ask(&["--cert", &certificate, "--key", &key]), code, "{user}");
    }
}

/// A certificate of the cluster's authority for a user.
fn signed(server: &Server, user: &str, group: &str) -> (String, String) {
    let file = |name: &str| server.file(name).display().to_string();
    let (key, request) = (file(&format!("{user}.key")), file(&format!("{user}.csr")));
    let (certificate, usage) = (file(&format!("{user}.crt")), file("usage"));
    std::fs::write(&usage, "extendedKeyUsage = clientAuth\n").unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let subject = format!("/O={group}/CN={user}");
    let ask = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject];
    run(&[&ask[..], &["-keyout", &key, "-out", &request]].concat());
    let (ca, ca_key) = (file("ca.crt"), file("ca.key"));
    let sign = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
    run(&[&sign[..], &["-days", "1", "-extfile", &usage, "-out", &certificate]].concat());
    (certificate, key)
}
