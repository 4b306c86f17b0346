//! Pods as real processes: nothing here waits for time, everything for events.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use orchestrator_client::Patch;
use orchestrator_core::Env;
use orchestrator_core::node::{ExecOptions, LogOptions};
use orchestrator_core::runtime::Runtime;
use orchestrator_runtime::agent::{Agent, NodeConfig, Parts};
use orchestrator_runtime::process::{ProcessConfig, ProcessRuntime};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use crate::plane::{Plane, key, words};

struct Host {
    plane: Plane,
    dir: TempDir,
    agent: Agent,
    runtime: Arc<ProcessRuntime>,
}

impl Host {
    async fn new() -> Self {
        let plane = Plane::new(Env::system()).await;
        let dir = tempfile::tempdir().unwrap();
        let (agent, runtime) = start(&plane, &dir);
        agent.ready().await;
        Self { plane, dir, agent, runtime }
    }

    async fn sh(&self, name: &str, script: &str, more: Value) {
        let command = ["sh", "-c", script];
        let mut spec = json!({"restartPolicy": "Never", "terminationGracePeriodSeconds": 600,
            "automountServiceAccountToken": false,
            "containers": [{"name": "a", "image": "i", "command": command}]});
        merge(&mut spec, more);
        self.plane.pod(name, json!({}), spec).await;
    }

    async fn reaches(&self, name: &str, wanted: &str) {
        self.plane.until(name, |pod| words(pod) == wanted).await;
    }

    async fn log(&self, name: &str) -> String {
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let log = self.agent.api().logs(&key(name), options).await.unwrap();
        String::from_utf8(log.collect::<Vec<_>>().await.concat()).unwrap()
    }
}

fn start(plane: &Plane, dir: &TempDir) -> (Agent, Arc<ProcessRuntime>) {
    let config = ProcessConfig::new(dir.path().join("pods")).keep_on_drop();
    let runtime = Arc::new(ProcessRuntime::open(config, plane.env.clone()).unwrap());
    let node = NodeConfig::new("node-0", dir.path().join("volumes"));
    let node = node.static_pods(dir.path().join("manifests"));
    let parts = Parts::new(&plane.informers, runtime.clone(), "node-0");
    (Agent::start(node, parts), runtime)
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(more)) => {
            for (index, value) in more.into_iter().enumerate() {
                match into.get_mut(index) {
                    Some(slot) => merge(slot, value),
                    None => into.push(value),
                }
            }
        }
        (into, more) => *into = more,
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The runtime keeps its containers for the next one; a test has no next one.
        let runtime = Arc::clone(&self.runtime);
        futures::executor::block_on(async move {
            for pod in runtime.pods(None).await.unwrap_or_default() {
                for container in pod.containers {
                    let path = self.dir.path().join("pods").join(&pod.uid).join(&container.name);
                    let record = path.join(container.attempt.to_string()).join("container.json");
                    let record: Value =
                        serde_json::from_slice(&std::fs::read(record).unwrap_or_default())
                            .unwrap_or_default();
                    if let Some(pid) = record["process"]["pid"].as_i64()
                        && record["exit"].is_null()
                        && let Some(pid) = rustix::process::Pid::from_raw(pid as i32)
                    {
                        let kill = rustix::process::Signal::KILL;
                        let _ = rustix::process::kill_process_group(pid, kill);
                    }
                }
            }
        });
    }
}

#[tokio::test]
async fn a_pod_sees_its_configuration() {
    let host = Host::new().await;
    host.plane.config_map("c", json!({"color": "blue"})).await;
    host.plane.secret("s", json!({"password": "s3cret"})).await;
    let script = "cat /etc/app/color; echo; cat /etc/key/password; echo; \
                  echo $COLOR $(NAME) $NAME $PASSWORD; echo data >/data/x; cat /data/x";
    let env = json!([{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "color"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}}]);
    let mounts = json!([{"name": "c", "mountPath": "/etc/app"},
        {"name": "s", "mountPath": "/etc/key"}, {"name": "d", "mountPath": "/data"}]);
    let volumes = json!([{"name": "c", "configMap": {"name": "c"}},
        {"name": "s", "secret": {"secretName": "s"}}, {"name": "d", "emptyDir": {}}]);
    let more = json!({"volumes": volumes, "containers": [{"env": env, "volumeMounts": mounts}]});
    host.sh("p", script, more).await;
    host.reaches("p", "Succeeded a=Completed(0)").await;
    assert_eq!(host.log("p").await, "blue\ns3cret\nblue p p s3cret\ndata\n");
}

#[tokio::test]
async fn a_pod_starts_when_what_it_refers_to_is_there() {
    let host = Host::new().await;
    let env = json!([{"name": "X",
        "valueFrom": {"configMapKeyRef": {"name": "late", "key": "x"}}}]);
    host.sh("p", "echo $X", json!({"containers": [{"env": env}]})).await;
    host.reaches("p", "Pending a=CreateContainerConfigError").await;
    host.plane.config_map("late", json!({"x": "here"})).await;
    host.reaches("p", "Succeeded a=Completed(0)").await;
    assert_eq!(host.log("p").await, "here\n");
}

#[tokio::test]
async fn a_volume_follows_its_config_map() {
    let host = Host::new().await;
    host.plane.config_map("c", json!({"x": "old"})).await;
    let mounts = json!([{"name": "c", "mountPath": "/c"}]);
    let more = json!({"volumes": [{"name": "c", "configMap": {"name": "c"}}],
        "containers": [{"volumeMounts": mounts}]});
    let script = "while [ \"$(cat /c/x)\" = old ]; do sleep 0.01; done; cat /c/x";
    host.sh("p", script, more).await;
    host.reaches("p", "Running a=Running+").await;
    let patch = Patch::Merge(json!({"data": {"x": "new"}}));
    host.plane.client.api::<ConfigMap>().patch(&key("c"), patch).await.unwrap();
    host.reaches("p", "Succeeded a=Completed(0)").await;
    assert_eq!(host.log("p").await, "new");
}

#[tokio::test]
async fn a_deleted_pod_gets_its_signal_and_its_hook() {
    let host = Host::new().await;
    let file = host.dir.path().join("told");
    let script = format!(
        "trap 'echo term >>{0}; exit 0' TERM; echo up; while :; do sleep 0.01; done",
        file.display()
    );
    let hook =
        json!({"exec": {"command": ["sh", "-c", format!("echo hook >>{}", file.display())]}});
    let lifecycle = json!({"preStop": hook});
    host.sh("p", &script, json!({"containers": [{"lifecycle": lifecycle}]})).await;
    host.reaches("p", "Running a=Running+").await;
    let log = LogOptions { follow: true, ..LogOptions::default() };
    let mut log = host.agent.api().logs(&key("p"), log).await.unwrap();
    assert_eq!(log.next().await.unwrap(), "up\n");
    host.plane.delete::<Pod>("p", None).await;
    host.plane.until("p", |pod| pod.is_none()).await;
    assert_eq!(std::fs::read_to_string(file).unwrap(), "hook\nterm\n");
}

#[tokio::test]
async fn a_container_without_a_command_says_what_is_wrong() {
    let host = Host::new().await;
    let spec = json!({"containers": [{"name": "a", "image": "nginx"}]});
    host.plane.pod("p", json!({}), spec).await;
    host.reaches("p", "Pending a=ErrImagePull").await;
    let pod = host.plane.get("p").await.unwrap();
    let status = pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap();
    let waiting = status[0].state.as_ref().unwrap().waiting.as_ref().unwrap();
    assert!(waiting.message.as_ref().unwrap().contains("needs a command"), "{waiting:?}");
    let error = host.agent.api().logs(&key("p"), LogOptions::default()).await.err().unwrap();
    assert_eq!(error.message, "container \"a\" in pod \"p\" is waiting to start: ErrImagePull");
}

#[tokio::test]
async fn a_command_runs_in_the_container() {
    let host = Host::new().await;
    host.sh("p", "exec sleep 100000", json!({})).await;
    host.reaches("p", "Running a=Running+").await;
    let options = ExecOptions {
        command: ["sh", "-c", "echo $HOSTNAME"].map(str::to_owned).to_vec(),
        stdout: true,
        ..ExecOptions::default()
    };
    let session = host.agent.api().exec(&key("p"), options).await.unwrap();
    let mut out = String::new();
    session.stdout.unwrap().read_to_string(&mut out).await.unwrap();
    assert_eq!((out.as_str(), session.exit.await), ("p\n", Ok(0)));
    let missing = host.agent.api().exec(&key("none"), ExecOptions::default()).await.unwrap_err();
    assert_eq!(missing.code, 404);
}

#[tokio::test]
async fn probes_of_every_kind_ask_the_process() {
    let host = Host::new().await;
    let file = host.dir.path().join("ready");
    let command = ["test", "-e", &file.display().to_string()].map(str::to_owned);
    let probe = json!({"exec": {"command": command}, "periodSeconds": 1});
    host.sh("p", "exec sleep 100000", json!({"containers": [{"readinessProbe": probe}]})).await;
    host.reaches("p", "Running a=Running").await;
    std::fs::write(file, "").unwrap();
    host.reaches("p", "Running a=Running+").await;
}

#[tokio::test]
async fn a_later_agent_goes_on_with_the_pods_of_an_earlier_one() {
    let host = Host::new().await;
    host.sh("p", "exec sleep 100000", json!({})).await;
    host.reaches("p", "Running a=Running+").await;
    let before = host.runtime.pods(None).await.unwrap();
    let (agent, runtime) = {
        // What a crash leaves: processes and records, and nobody who looks after them.
        let (agent, runtime) = start(&host.plane, &host.dir);
        agent.ready().await;
        (agent, runtime)
    };
    let after = runtime.pods(None).await.unwrap();
    assert_eq!(after, before);
    host.plane.delete::<Pod>("p", None).await;
    host.plane.until("p", |pod| pod.is_none()).await;
    drop(agent);
}

#[tokio::test]
async fn a_static_pod_runs_as_long_as_its_manifest_is_there() {
    let host = Host::new().await;
    let manifest = |word: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: \
             [{{name: a, image: i, command: [sh, -c, 'echo {word}; exec sleep 100000']}}]}}\n"
        )
    };
    let path = host.dir.path().join("manifests/web.yaml");
    std::fs::write(&path, manifest("one")).unwrap();
    host.reaches("web-node-0", "Running a=Running+").await;
    let mirror = host.plane.get("web-node-0").await.unwrap();
    assert!(
        mirror.metadata.annotations.as_ref().unwrap().contains_key("kubernetes.io/config.mirror")
    );
    let runs = host.runtime.pods(None).await.unwrap();
    assert_eq!(runs.len(), 1, "the mirror is not run");

    host.plane.delete::<Pod>("web-node-0", Some(0)).await;
    let uid = mirror.metadata.uid.clone();
    let replaced = |pod: Option<&Pod>| {
        pod.is_some_and(|pod| pod.metadata.uid != uid) && words(pod) == "Running a=Running+"
    };
    host.plane.until("web-node-0", replaced).await;
    assert_eq!(host.runtime.pods(None).await.unwrap(), runs, "the pod itself goes on");

    std::fs::write(&path, manifest("two")).unwrap();
    let mirror = host.plane.get("web-node-0").await.unwrap().metadata.uid.clone();
    let replaced = |pod: Option<&Pod>| {
        pod.is_some_and(|pod| pod.metadata.uid != mirror) && words(pod) == "Running a=Running+"
    };
    host.plane.until("web-node-0", replaced).await;
    std::fs::remove_file(&path).unwrap();
    host.plane.until("web-node-0", |pod| pod.is_none()).await;
}
