//! Processes that die are replaced, and a Service goes on serving meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::server::{Server, has};

const SITE: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: site}
spec:
  replicas: 3
  selector: {matchLabels: {app: site}}
  template:
    metadata: {labels: {app: site}}
    spec:
      containers:
      - name: web
        image: toolbox
        command: [PROGRAM, toolbox, http, --text, site under load]
        args: [--listen, '$(POD_IP):8080']
        env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: site}
spec:
  selector: {app: site}
  ports: [{port: 80, targetPort: 8080}]
";

/// How many requests are sent around the end of each process.
const REQUESTS: usize = 100;

#[test]
fn killed_processes_are_restarted_and_no_request_is_lost_that_is_retried_once() {
    if !has("kubectl") || !has("pkill") {
        return;
    }
    let parts = "apiserver,controllers,scheduler,node";
    let server = Server::start(parts, &["--runtime", "process"]);
    let site = SITE.replace("PROGRAM", env!("CARGO_BIN_EXE_orchestrator"));
    server.kubectl_with(&["apply", "-f", "-"], &site).ok();
    server.kubectl(&["rollout", "status", "deployment/site", "--timeout=60s"]).ok();
    let address =
        server.kubectl(&["get", "service", "site", "-o", "jsonpath={.spec.clusterIP}"]).ok();
    let address = format!("{address}:80");
    let pods = "jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{\"\\n\"}{end}";
    let pods = server.kubectl(&["get", "pods", "-l", "app=site", "-o", pods]).ok();
    let mut lost = 0;
    for (pod, ip) in pods.lines().filter_map(|line| line.split_once(' ')) {
        for n in 0..REQUESTS {
            if n == REQUESTS / 3 {
                kill(ip);
            }
            lost += usize::from(get(&address).or_else(|_| get(&address)).is_err());
        }
        // The others serve until this one is back.
        let restarted = "--for=jsonpath={.status.containerStatuses[0].restartCount}=1";
        server.kubectl(&["wait", "pod", pod, restarted, "--timeout=60s"]).ok();
        server.kubectl(&["wait", "pod", pod, "--for=condition=Ready", "--timeout=60s"]).ok();
    }
    assert_eq!(pods.lines().count(), 3, "{pods}");
    assert_eq!(lost, 0, "requests were lost");
}

/// Kills the process that listens on the pod's address.
fn kill(ip: &str) {
    let listening = format!("site under load --listen {}:8080", ip.replace('.', "[.]"));
    let killed = Command::new("pkill").args(["-9", "-f", &listening]).status();
    assert!(killed.unwrap().success(), "a process was there to be killed");
}

fn get(address: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.contains("site under load") {
        true => Ok(()),
        false => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}
