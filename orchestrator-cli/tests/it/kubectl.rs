//! Unmodified `kubectl` drives a whole cluster.

use std::process::Stdio;

use crate::server::{Server, has, lines, terminate};

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: web
        image: toolbox
        command: [sh, -c, 'echo started with $COLOUR; trap \"exit 0\" TERM; while :; do sleep 0.2; done']
        env: [{name: COLOUR, value: blue}]
";

const PAGE: &str = "
apiVersion: v1
kind: Pod
metadata: {name: page}
spec:
  containers:
  - name: page
    image: toolbox
    command: [PROGRAM, toolbox, http, --text, the page]
    args: [--listen, '$(POD_IP):8080']
    env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
";

fn cluster(runtime: &str) -> Option<Server> {
    let parts = "apiserver,controllers,scheduler,node";
    has("kubectl").then(|| Server::start(parts, &["--runtime", runtime]))
}

#[test]
fn objects_are_applied_shown_explained_changed_and_deleted() {
    let Some(server) = cluster("simulated") else { return };
    server.kubectl_with(&["apply", "-f", "-"], DEPLOYMENT).prints("deployment.apps/web created");
    server
        .kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"])
        .prints("successfully rolled out");
    let table = server.kubectl(&["get", "deployments,replicasets,pods", "-o", "wide"]).ok();
    for heading in ["READY", "UP-TO-DATE", "CONTAINERS", "DESIRED", "RESTARTS", "NODE"] {
        assert!(table.contains(heading), "{table}");
    }
    server.kubectl(&["get", "pods", "-A"]).prints("Running");
    let told = server.kubectl(&["describe", "deployment", "web"]).ok();
    for word in ["StrategyType:", "RollingUpdate", "ScalingReplicaSet", "NewReplicaSet:"] {
        assert!(told.contains(word), "{told}");
    }
    server.kubectl(&["describe", "pods"]).prints("Successfully assigned");
    server.kubectl(&["explain", "deployment.spec.strategy.rollingUpdate"]).prints("maxSurge");
    server.kubectl(&["explain", "pod.spec.containers.livenessProbe"]).prints("initialDelaySeconds");
    server.kubectl_with(&["diff", "-f", "-"], &DEPLOYMENT.replace("blue", "red")).fails();
    server
        .kubectl_with(&["apply", "--server-side", "--force-conflicts", "-f", "-"], DEPLOYMENT)
        .prints("serverside-applied");
    server
        .kubectl_with(&["apply", "-f", "-"], &DEPLOYMENT.replace("replicas:", "replica:"))
        .fails();
    server.kubectl(&["label", "deployment", "web", "tier=front"]).prints("labeled");
    server.kubectl(&["annotate", "deployment", "web", "note=x"]).prints("annotated");
    server
        .kubectl(&["get", "deployments", "-l", "tier=front", "-o", "name"])
        .prints("deployment.apps/web");
    server.kubectl(&["auth", "whoami"]).prints("system:masters");
    server.kubectl(&["delete", "deployment", "web", "--wait=true"]).prints("deleted");
    server.kubectl(&["wait", "--for=delete", "pods", "-l", "app=web", "--timeout=60s"]).ok();
    assert!(server.stop(), "the server ends cleanly");
}

#[test]
fn rollouts_go_forward_back_and_again() {
    let Some(server) = cluster("simulated") else { return };
    server.kubectl_with(&["apply", "-f", "-"], DEPLOYMENT).ok();
    let status = ["rollout", "status", "deployment/web", "--timeout=60s"];
    server.kubectl(&status).ok();
    server.kubectl(&["scale", "deployment", "web", "--replicas=4"]).prints("scaled");
    server
        .kubectl(&[
            "wait",
            "deployment/web",
            "--for=jsonpath={.status.readyReplicas}=4",
            "--timeout=60s",
        ])
        .ok();
    server.kubectl(&["set", "env", "deployment/web", "COLOUR=red"]).ok();
    server.kubectl(&status).prints("successfully rolled out");
    server.kubectl(&["rollout", "history", "deployment/web"]).prints("2");
    server.kubectl(&["rollout", "undo", "deployment/web"]).prints("rolled back");
    server.kubectl(&status).ok();
    let colour = "jsonpath={.spec.template.spec.containers[0].env[0].value}";
    server.kubectl(&["get", "deployment", "web", "-o", colour]).prints("blue");
    server.kubectl(&["rollout", "restart", "deployment/web"]).prints("restarted");
    server.kubectl(&status).ok();
}

#[test]
fn nodes_are_cordoned_tainted_and_drained() {
    let Some(server) = cluster("simulated") else { return };
    let node = server.kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]).ok();
    server.kubectl(&["get", "nodes"]).prints("Ready");
    server.kubectl_with(&["apply", "-f", "-"], DEPLOYMENT).ok();
    server.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]).ok();
    server.kubectl(&["taint", "node", &node, "key=value:NoSchedule"]).prints("tainted");
    server.kubectl(&["taint", "node", &node, "key-"]).prints("untainted");
    server.kubectl(&["cordon", &node]).prints("cordoned");
    server
        .kubectl(&["drain", &node, "--force", "--ignore-daemonsets", "--timeout=60s"])
        .prints("drained");
    server.kubectl(&["get", "pods"]).prints("Pending");
    server.kubectl(&["uncordon", &node]).prints("uncordoned");
    server.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]).ok();
}

#[test]
fn a_watch_shows_changes_as_they_happen() {
    let Some(server) = cluster("simulated") else { return };
    let mut watch = server.kubectl_command(&["get", "configmaps", "--watch", "-o", "name"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let seen = lines(watch.stdout.take().unwrap());
    server.kubectl(&["create", "configmap", "fresh", "--from-literal=a=b"]).ok();
    let soon = std::time::Duration::from_secs(30);
    let mut names = std::iter::from_fn(|| seen.recv_timeout(soon).ok());
    assert!(names.any(|line| line == "configmap/fresh"));
    terminate(&watch);
    let _ = watch.wait();
}

#[test]
fn processes_are_logged_entered_and_reached() {
    let Some(server) = cluster("process") else { return };
    server.kubectl_with(&["apply", "-f", "-"], DEPLOYMENT).ok();
    server.kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"]).ok();
    let pod = server.kubectl(&["get", "pods", "-o", "jsonpath={.items[0].metadata.name}"]).ok();
    server.kubectl(&["logs", &pod]).prints("started with blue");
    let mut follow = server.kubectl_command(&["logs", "-f", &pod]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let log = lines(follow.stdout.take().unwrap());
    let soon = std::time::Duration::from_secs(30);
    assert_eq!(log.recv_timeout(soon).as_deref(), Ok("started with blue"));
    server
        .kubectl(&["exec", &pod, "--", "sh", "-c", "echo $COLOUR from inside"])
        .prints("blue from inside");
    server
        .kubectl_with(&["exec", "-i", &pod, "--", "cat"], "through stdin")
        .prints("through stdin");
    let refused = server.kubectl(&["exec", &pod, "--", "sh", "-c", "exit 7"]).fails();
    assert!(refused.contains("exit code 7"), "{refused}");
    server.kubectl(&["delete", "pod", &pod, "--grace-period=1"]).ok();
    terminate(&follow);
    let _ = follow.wait();
}

#[test]
fn a_port_is_forwarded_to_a_process() {
    let Some(server) = cluster("process") else { return };
    let pod = PAGE.replace("PROGRAM", env!("CARGO_BIN_EXE_orchestrator"));
    server.kubectl_with(&["apply", "-f", "-"], &pod).ok();
    server.kubectl(&["wait", "pod/page", "--for=condition=Ready", "--timeout=60s"]).ok();
    let mut forward = server.kubectl_command(&["port-forward", "pod/page", ":8080"]);
    let mut forward = forward.stdout(Stdio::piped()).spawn().unwrap();
    let told = lines(forward.stdout.take().unwrap());
    let line = told.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
    let local = line.split(' ').nth(2).expect("Forwarding from ADDRESS -> PORT");
    for _ in 0..3 {
        assert!(fetch(local).contains("the page"));
    }
    terminate(&forward);
    let _ = forward.wait();
}

/// A plain GET over HTTP/1.0.
pub fn fetch(address: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
