//! Services.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{NONE, list, name, pairs, text, text_or};

pub(super) fn row(service: &Object, now: Timestamp) -> Vec<Json> {
    vec![
        name(service),
        text_or(service, &["spec", "type"], "ClusterIP"),
        text_or(service, &["spec", "clusterIP"], NONE),
        external(service).into(),
        ports(service).into(),
        age::of(service, now),
        pairs(service, &["spec", "selector"]).into(),
    ]
}

fn external(service: &Object) -> String {
    let mut addresses: Vec<&str> = Vec::new();
    match service.text_at(&["spec", "type"]) {
        "ExternalName" => return service.text_at(&["spec", "externalName"]).to_owned(),
        "LoadBalancer" => {
            let points = list(service, &["status", "loadBalancer", "ingress"]);
            addresses.extend(points.map(|point| match text(point, "ip") {
                "" => text(point, "hostname"),
                ip => ip,
            }));
        }
        _ => {}
    }
    addresses.extend(list(service, &["spec", "externalIPs"]).filter_map(Json::as_str));
    match addresses.is_empty() {
        true if service.text_at(&["spec", "type"]) == "LoadBalancer" => "<pending>".into(),
        true => NONE.into(),
        false => addresses.join(","),
    }
}

fn ports(service: &Object) -> String {
    let port = |port: &Json| {
        let protocol = text(port, "protocol");
        match port["nodePort"].as_i64().unwrap_or(0) {
            0 => format!("{}/{protocol}", port["port"]),
            node_port => format!("{}:{node_port}/{protocol}", port["port"]),
        }
    };
    super::cell::or_none(list(service, &["spec", "ports"]).map(port).collect::<Vec<_>>().join(","))
}
