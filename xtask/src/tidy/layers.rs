//! Arrows point one way: which crate of the workspace may use which.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The trees of JSON, which every crate may use.
const JSON: &str = "orchestrator-json";

/// What each crate may use of the workspace; tests and benches may use anything.
const LAYERS: [(&str, &[&str]); 22] = [
    (JSON, &[]),
    ("orchestrator-core", &[]),
    ("orchestrator-cel", &["orchestrator-core"]),
    ("orchestrator-custom", &["orchestrator-core", "orchestrator-cel"]),
    ("orchestrator-kinds", &["orchestrator-core", "orchestrator-cel", "orchestrator-custom"]),
    ("orchestrator-client", &["orchestrator-core", "orchestrator-wire"]),
    ("orchestrator-store", &["orchestrator-core"]),
    ("orchestrator-wire", &["orchestrator-core"]),
    (
        "orchestrator-apiserver",
        &[
            "orchestrator-core",
            "orchestrator-cel",
            "orchestrator-custom",
            "orchestrator-kinds",
            "orchestrator-wire",
        ],
    ),
    ("orchestrator-sched", &["orchestrator-core", "orchestrator-client"]),
    ("orchestrator-controllers", &["orchestrator-core", "orchestrator-client"]),
    ("orchestrator-logs", &["orchestrator-core"]),
    (
        "orchestrator-runtime",
        &["orchestrator-core", "orchestrator-client", "orchestrator-logs", "orchestrator-wire"],
    ),
    ("orchestrator-containerd", &["orchestrator-core", "orchestrator-logs", "orchestrator-wire"]),
    ("orchestrator-netlink", &["orchestrator-core"]),
    ("orchestrator-proxy", &["orchestrator-core", "orchestrator-client", "orchestrator-netlink"]),
    ("orchestrator-network", &["orchestrator-core", "orchestrator-client", "orchestrator-netlink"]),
    ("orchestrator-dns", &["orchestrator-core", "orchestrator-client"]),
    ("orchestrator-testkit", &["orchestrator-core", "orchestrator-client"]),
    (
        "orchestrator",
        &[
            "orchestrator-core",
            "orchestrator-kinds",
            "orchestrator-client",
            "orchestrator-store",
            "orchestrator-apiserver",
            "orchestrator-sched",
            "orchestrator-controllers",
            "orchestrator-runtime",
            "orchestrator-containerd",
            "orchestrator-proxy",
            "orchestrator-network",
            "orchestrator-dns",
            "orchestrator-wire",
        ],
    ),
    ("orchestrator-cli", &["orchestrator"]),
    ("xtask", &[]),
];

pub fn breaches(root: &Path) -> Result<Vec<String>, String> {
    let output = Command::new("cargo")
        .current_dir(root)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .output()
        .map_err(|why| format!("cannot run cargo metadata: {why}"))?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|why| format!("cargo metadata: {why}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    Ok(packages.iter().flat_map(breaches_of).collect())
}

fn breaches_of(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        return vec![format!("{name}: has no place in the layers of xtask/src/tidy/layers.rs")];
    };
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    let ours = dependencies
        .filter(|dependency| dependency["kind"].is_null())
        .filter_map(|dependency| dependency["name"].as_str())
        .filter(|dependency| dependency.starts_with("orchestrator") && *dependency != JSON);
    ours.filter(|dependency| !allowed.contains(dependency))
        .map(|dependency| format!("{name}: may not use {dependency}"))
        .collect()
}
