//! The official Python client works unchanged.

use std::process::Command;

use crate::server::Server;

const SCRIPT: &str = r#"
import sys
from kubernetes import client, config, watch

config.load_kube_config(sys.argv[1])
core, apps = client.CoreV1Api(), client.AppsV1Api()

body = {"metadata": {"name": "python"}, "data": {"a": "1"}}
made = core.create_namespaced_config_map("default", body)
assert made.data == {"a": "1"} and made.metadata.uid

core.patch_namespaced_config_map("python", "default", {"data": {"b": "2"}})
listed = core.list_namespaced_config_map("default", field_selector="metadata.name=python")
assert [m.data for m in listed.items] == [{"a": "1", "b": "2"}]

labels = {"app": "python"}
apps.create_namespaced_deployment("default", {
    "metadata": {"name": "python"},
    "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i"}]}}}})
seen = set()
for event in watch.Watch().stream(core.list_namespaced_pod, "default",
                                  label_selector="app=python", timeout_seconds=60):
    if event["object"].status.phase == "Running":
        seen.add(event["object"].metadata.name)
    if len(seen) == 2:
        break
assert len(seen) == 2, seen

core.delete_namespaced_config_map("python", "default")
try:
    core.read_namespaced_config_map("python", "default")
    raise SystemExit("still there")
except client.ApiException as error:
    assert error.status == 404 and error.reason == "Not Found", error
print("python client ok")
"#;

#[test]
fn the_python_client_creates_patches_lists_watches_and_deletes() {
    let python = std::env::var("ORCHESTRATOR_PYTHON").unwrap_or_else(|_| "python3".into());
    let import = Command::new(&python).args(["-c", "import kubernetes"]).output();
    if !import.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: the Python client is not on this machine (pip install kubernetes)");
        return;
    }
    let parts = "apiserver,controllers,scheduler,node";
    let server = Server::start(parts, &["--runtime", "simulated"]);
    let output = Command::new(&python)
        .args(["-c", SCRIPT])
        .arg(server.file("admin.kubeconfig"))
        .output()
        .unwrap();
    let (out, err) = (output.stdout, output.stderr);
    let text = format!("{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
    assert!(output.status.success() && text.contains("python client ok"), "{text}");
}
