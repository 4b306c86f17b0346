//! What runs and how to reach it, as tables that fit the terminal.

use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};
use k8s_openapi::api::core::v1::{Pod, Service};
use orchestrator::client::{Informers, KindExt};

/// A table without lines, as wide as the terminal.
pub fn table(headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings);
    table
}

/// The pods of all namespaces.
pub fn pods(informers: &Informers) -> String {
    let mut table = table(&["NAMESPACE", "POD", "STATUS", "ADDRESS", "NODE"]);
    for pod in informers.of::<Pod>().list() {
        let status = pod.status.clone().unwrap_or_default();
        table.add_row([
            pod.namespace(),
            pod.name(),
            status.phase.as_deref().unwrap_or("Pending"),
            status.pod_ip.as_deref().unwrap_or("-"),
            pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or("-"),
        ]);
    }
    table.to_string()
}

/// The services of all namespaces, and the addresses that they are reached at.
pub fn services(informers: &Informers) -> String {
    let mut table = table(&["NAMESPACE", "SERVICE", "PORT", "REACH IT AT"]);
    for service in informers.of::<Service>().list() {
        let spec = service.spec.clone().unwrap_or_default();
        let address = spec.cluster_ip.as_deref().unwrap_or("None");
        for port in spec.ports.iter().flatten() {
            let mut at = Vec::new();
            if address != "None" && !address.is_empty() {
                at.push(format!("{address}:{}", port.port));
            }
            at.extend(port.node_port.map(|node_port| format!("127.0.0.1:{node_port}")));
            let name = port.name.clone().unwrap_or_else(|| port.port.to_string());
            table.add_row([service.namespace(), service.name(), &name, &at.join("  ")]);
        }
    }
    table.to_string()
}

/// A line to paste into a shell.
pub fn kubectl(kubeconfig: &Path) -> String {
    format!("kubectl --kubeconfig {} get pods -A", kubeconfig.display())
}
