//! Addresses and routes: endpoints, ingresses, policies.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{NONE, UNSET, items, list, name, or_none, selector, shortened, text, text_or};

/// How many addresses, ports or hosts a cell shows.
const SHOWN: usize = 3;

pub(super) fn endpoints(object: &Object, now: Timestamp) -> Vec<Json> {
    let mut all: Vec<String> = Vec::new();
    for subset in list(object, &["subsets"]) {
        let addresses: Vec<&Json> = items(subset.get("addresses")).collect();
        let ports: Vec<&Json> = items(subset.get("ports")).collect();
        if ports.is_empty() {
            all.extend(addresses.iter().map(|address| text(address, "ip").to_owned()));
        }
        for port in ports {
            let number = port["port"].as_u64().unwrap_or(0);
            all.extend(addresses.iter().map(|address| match text(address, "ip") {
                ip if ip.contains(':') => format!("[{ip}]:{number}"),
                ip => format!("{ip}:{number}"),
            }));
        }
    }
    vec![name(object), or_none(shortened(&all, SHOWN)).into(), age::of(object, now)]
}

pub(super) fn endpoint_slice(object: &Object, now: Timestamp) -> Vec<Json> {
    let port = |port: &Json| match port["port"].as_u64() {
        Some(number) => number.to_string(),
        None => "*".into(),
    };
    let ports: Vec<String> = list(object, &["ports"]).map(port).collect();
    let addresses: Vec<String> = list(object, &["endpoints"])
        .flat_map(|endpoint| items(endpoint.get("addresses")))
        .filter_map(|address| address.as_str().map(str::to_owned))
        .collect();
    let shown = |parts: &[String]| match parts.is_empty() {
        true => UNSET.to_owned(),
        false => shortened(parts, SHOWN),
    };
    vec![
        name(object),
        object.text_at(&["addressType"]).into(),
        shown(&ports).into(),
        shown(&addresses).into(),
        age::of(object, now),
    ]
}

pub(super) fn ingress(object: &Object, now: Timestamp) -> Vec<Json> {
    let hosts: Vec<String> = list(object, &["spec", "rules"])
        .map(|rule| text(rule, "host").to_owned())
        .filter(|host| !host.is_empty())
        .collect();
    let points = list(object, &["status", "loadBalancer", "ingress"]);
    let addresses: Vec<&str> = points
        .map(|point| match text(point, "ip") {
            "" => text(point, "hostname"),
            ip => ip,
        })
        .collect();
    let secure = list(object, &["spec", "tls"]).next().is_some();
    vec![
        name(object),
        text_or(object, &["spec", "ingressClassName"], NONE),
        (if hosts.is_empty() { "*".to_owned() } else { shortened(&hosts, SHOWN) }).into(),
        addresses.join(",").into(),
        (if secure { "80, 443" } else { "80" }).into(),
        age::of(object, now),
    ]
}

pub(super) fn ingress_class(object: &Object, now: Timestamp) -> Vec<Json> {
    let parameters = object.at(&["spec", "parameters"]).map(|parameters| {
        let group = match text(parameters, "apiGroup") {
            "" => String::new(),
            group => format!(".{group}"),
        };
        format!("{}{group}/{}", text(parameters, "kind"), text(parameters, "name"))
    });
    vec![
        name(object),
        object.text_at(&["spec", "controller"]).into(),
        parameters.unwrap_or_else(|| NONE.into()).into(),
        age::of(object, now),
    ]
}

pub(super) fn ip_address(object: &Object, _now: Timestamp) -> Vec<Json> {
    let part = |field: &str| object.text_at(&["spec", "parentRef", field]);
    let mut path: Vec<String> = Vec::new();
    path.push(match part("group") {
        "" => part("resource").to_owned(),
        group => format!("{}.{group}", part("resource")),
    });
    path.extend(["namespace", "name"].map(|field| part(field).to_owned()));
    path.retain(|step| !step.is_empty());
    vec![name(object), path.join("/").into()]
}

pub(super) fn policy(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![name(object), selector(object.at(&["spec", "podSelector"])).into(), age::of(object, now)]
}

pub(super) fn service_cidr(object: &Object, now: Timestamp) -> Vec<Json> {
    let cidrs: Vec<&str> = list(object, &["spec", "cidrs"]).filter_map(Json::as_str).collect();
    vec![name(object), cidrs.join(",").into(), age::of(object, now)]
}
