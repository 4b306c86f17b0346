//! Real containers from the command line to the last process: needs root and containerd.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::server::{Server, has, lines, terminate};

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/manifests/shop.yaml");

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: talk}
spec:
  terminationGracePeriodSeconds: 5
  containers:
  - name: talk
    image: orchestrator/toolbox:1
    command: [sh, -c, 'trap "exit 0" TERM; echo begun; cat /etc/told/word; while :; do sleep 1; done']
    env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
    volumeMounts: [{name: told, mountPath: /etc/told}, {name: memory, mountPath: /memory}]
    resources: {limits: {memory: 64Mi, cpu: 500m}}
  - name: web
    image: orchestrator/toolbox:1
    command: [orchestrator, toolbox, http, --text, from the pod, --listen, '0.0.0.0:8080']
    readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
  volumes:
  - {name: told, configMap: {name: told}}
  - {name: memory, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: told}
data: {word: "a word\n"}
"#;

/// Whether real containers can run here; says so where they cannot.
fn possible() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if !root || !Path::new("/usr/lib/cni/bridge").exists() {
        eprintln!("SKIPPED: real containers need root and the plugins of the pod network");
        return false;
    }
    ["containerd", "runc", "nft", "kubectl"].iter().all(|program| has(program))
}

/// A whole cluster with one node of real containers; dropping it ends it, with all its pods.
struct Up {
    child: Child,
    folder: tempfile::TempDir,
    /// What it said until it was ready.
    told: String,
}

impl Up {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
            .args(["up", "--runtime", "containerd", "--bind", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path())
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = lines(child.stdout.take().unwrap());
        let mut told = String::new();
        while let Ok(line) = said.recv_timeout(Duration::from_secs(150)) {
            told.push_str(&line);
            told.push('\n');
            if line.contains("Ctrl-C") {
                break;
            }
        }
        let up = Self { child, folder, told };
        assert!(up.told.contains("Ctrl-C"), "it is not ready:\n{}\n{}", up.told, up.pods());
        up
    }

    fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", self.folder.path().join("admin.kubeconfig"));
        command.env("HOME", self.folder.path()).args(arguments);
        command
    }

    /// The output of a `kubectl` that must succeed.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.kubectl(arguments).output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "kubectl {arguments:?}\n{out}{err}\n{}", self.pods());
        out
    }

    fn with_input(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.kubectl(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        text(&child.wait_with_output().unwrap().stdout)
    }

    /// How pods are, for people who read why a test failed.
    fn pods(&self) -> String {
        let look = ["describe", "pods", "--all-namespaces"];
        text(&self.kubectl(&look).output().unwrap().stdout)
    }

    /// Ends it, and looks whether anything is left of it.
    fn close(mut self) {
        terminate(&self.child);
        assert!(self.child.wait().unwrap().success());
        let ours = self.folder.path().display().to_string();
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&ours), "mounts are left:\n{mounts}");
        let left = Command::new("pgrep").args(["-fa", &ours]).output().unwrap();
        assert!(left.stdout.is_empty(), "processes are left:\n{}", text(&left.stdout));
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        terminate(&self.child);
        let _ = self.child.wait();
        sweep(self.folder.path());
    }
}

/// Ends whatever still runs for a node that keeps its files in `folder`, and unmounts what is there:
/// after a test that has failed. A container is known by a file system of its own made from there.
fn sweep(folder: &Path) {
    let ours = folder.display().to_string();
    let read = |path: String| text(&std::fs::read(path).unwrap_or_default());
    let place = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let own = place(std::process::id());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.filter(|pid| *pid != std::process::id()) {
        let contained = place(pid) != own && read(format!("/proc/{pid}/mountinfo")).contains(&ours);
        if contained || read(format!("/proc/{pid}/cmdline")).contains(&ours) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
    let mounts = read("/proc/self/mounts".into());
    let places = mounts.lines().filter_map(|mount| mount.split(' ').nth(1));
    let places: Vec<&str> = places.filter(|place| place.starts_with(&ours)).collect();
    for place in places.into_iter().rev() {
        let _ = Command::new("umount").args(["-l", place]).status();
    }
}

/// An agent in a process of its own; dropping it kills it and all that it runs.
struct Agent {
    child: Child,
    folder: std::path::PathBuf,
}

impl Agent {
    fn start(server: &Server, folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
        command.arg("agent").arg("--kubeconfig").arg(server.file("admin.kubeconfig"));
        command.args(["--runtime", "containerd", "--node-name", "real", "--data-dir"]).arg(folder);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let ready = lines.recv_timeout(Duration::from_secs(90)).expect("the agent is ready");
        assert_eq!(ready, "ready agent real");
        Self { child, folder: folder.into() }
    }

    /// Ends it without a chance to do anything.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::forget(self);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        terminate(&self.child);
        let _ = self.child.wait();
        sweep(&self.folder);
    }
}

#[test]
fn pods_outlive_an_agent_that_is_killed() {
    if !possible() {
        return;
    }
    let server = Server::start("apiserver,controllers,scheduler", &["--pod-cidr", "10.244.0.0/16"]);
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(&server, folder.path());
    server.kubectl(&["wait", "--for=create", "serviceaccount/default", "--timeout=30s"]).ok();
    server.kubectl_with(&["apply", "-f", "-"], POD).ok();
    let ready = ["wait", "pod/talk", "--for=condition=Ready", "--timeout=90s"];
    server.kubectl(&ready).ok();
    let ids = ["get", "pod", "talk", "-o", "jsonpath={.status.containerStatuses[*].containerID}"];
    let before = server.kubectl(&ids).ok();
    agent.kill();
    let agent = Agent::start(&server, folder.path());
    server.kubectl(&ready).ok();
    let inside = ["exec", "talk", "-c", "talk", "--", "hostname"];
    server.kubectl(&inside).prints("talk");
    assert_eq!(server.kubectl(&ids).ok(), before, "the same containers go on");
    server.kubectl(&["get", "pod", "talk"]).prints("2/2");
    server.kubectl(&["delete", "pod", "talk", "--timeout=60s"]).ok();
    drop(agent);
    let left = Command::new("pgrep").args(["-fa", folder.path().to_str().unwrap()]).output();
    let left = left.unwrap().stdout;
    assert!(left.is_empty(), "processes are left:\n{}", text(&left));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_pod_is_logged_entered_copied_to_and_reached() {
    if !possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pod.yaml");
    std::fs::write(&file, POD).unwrap();
    let up = Up::start(&["-f", file.to_str().unwrap()]);
    up.ok(&["wait", "pod/talk", "--for=condition=Ready", "--timeout=60s"]);
    let log = up.ok(&["logs", "talk", "-c", "talk"]);
    assert_eq!(log, "begun\na word\n");
    let inside = up.ok(&["exec", "talk", "-c", "talk", "--", "sh", "-c", "echo $NODE; hostname"]);
    assert_eq!(inside.lines().last(), Some("talk"));
    let shouted = up.with_input(&["exec", "-i", "talk", "-c", "talk", "--", "cat"], "in and out");
    assert_eq!(shouted, "in and out");
    let fails =
        up.kubectl(&["exec", "talk", "-c", "talk", "--", "sh", "-c", "exit 7"]).output().unwrap();
    assert_eq!(fails.status.code(), Some(7));
    let big = up
        .kubectl(&[
            "exec",
            "talk",
            "-c",
            "talk",
            "--",
            "sh",
            "-c",
            "head -c 2000000 /dev/zero >/memory/big",
        ])
        .output()
        .unwrap();
    assert!(!big.status.success(), "a volume in memory has its limit");

    let source = folder.path().join("note");
    std::fs::write(&source, "carried").unwrap();
    up.ok(&["cp", source.to_str().unwrap(), "talk:/tmp/note", "-c", "talk"]);
    assert_eq!(up.ok(&["exec", "talk", "-c", "talk", "--", "cat", "/tmp/note"]), "carried");

    let mut forward = up.kubectl(&["port-forward", "pod/talk", ":8080"]);
    let mut forward = forward.stdout(Stdio::piped()).spawn().unwrap();
    let told = lines(forward.stdout.take().unwrap());
    let line = told.recv_timeout(Duration::from_secs(30)).unwrap();
    let mut stream = TcpStream::connect(line.split(' ').nth(2).unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("from the pod"), "{answer}");
    terminate(&forward);
    let _ = forward.wait();
    up.ok(&["delete", "pod", "talk", "--timeout=60s"]);
    up.close();
}

#[test]
fn the_shop_opens_on_real_containers_and_closes_without_a_trace() {
    if !possible() {
        return;
    }
    let up = Up::start(&["-f", SHOP]);
    let jobs = up.ok(&["get", "jobs", "-n", "shop"]);
    assert!(jobs.contains("3/3"), "{jobs}");
    let nodes = up.ok(&["get", "nodes", "-o", "wide"]);
    assert!(nodes.contains("containerd://"), "{nodes}");
    up.close();
}

#[test]
fn an_image_is_built_from_a_specification() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("image.yaml");
    std::fs::write(&spec, "name: example/app:1\nfiles:\n- {path: /hello, text: hi}\n").unwrap();
    let archive = folder.path().join("image.tar");
    let output = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
        .args(["image", "build"])
        .arg(&spec)
        .arg("-o")
        .arg(&archive)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "docker.io/example/app:1\n");
    assert!(std::fs::metadata(archive).unwrap().len() > 0);
}
