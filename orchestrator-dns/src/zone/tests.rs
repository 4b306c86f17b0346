//! Questions and answers over a small cluster.

use std::sync::Arc;

use hickory_server::proto::rr::RecordType;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::*;

fn service(spec: Value) -> Service {
    serde_json::from_value(json!({"metadata": {"name": "x", "namespace": "x"}, "spec": spec}))
        .unwrap()
}

fn slice(endpoints: Value, ports: Value) -> Arc<EndpointSlice> {
    let slice = json!({
        "metadata": {"name": "x"}, "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    });
    Arc::new(serde_json::from_value(slice).unwrap())
}

fn zone() -> Zone {
    let mut zone = Zone::new("cluster.local").unwrap().servers(["10.96.0.10".parse().unwrap()]);
    zone.set_namespace("shop", true);
    let mut set = |name: &str, spec: Value, slices: &[Arc<EndpointSlice>]| {
        let names = ServiceNames::of(&service(spec), slices).unwrap();
        zone.set_service(&ObjectKey::new("shop", name), Some(names));
    };
    let ports =
        json!([{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    let web = slice(json!([{"addresses": ["10.1.0.5"]}]), json!([{"name": "http", "port": 8080}]));
    set(
        "web",
        json!({"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00::1"],
        "ports": ports}),
        &[web],
    );
    let headless = slice(
        json!([
            {"addresses": ["10.1.0.1"], "hostname": "db-0", "conditions": {"ready": true}},
            {"addresses": ["10.1.0.2"], "hostname": "db-1"},
            {"addresses": ["10.1.0.3"]},
            {"addresses": ["10.1.0.4"], "conditions": {"ready": false}},
        ]),
        json!([{"name": "sql", "port": 5432, "protocol": "TCP"}]),
    );
    set("db", json!({"clusterIP": "None", "ports": [{"name": "sql", "port": 5432}]}), &[headless]);
    set("idle", json!({"clusterIP": "None"}), &[]);
    let bare = slice(json!([{"addresses": ["10.1.0.9"]}]), json!([]));
    set("bare", json!({"clusterIP": "None"}), &[bare]);
    set("far", json!({"type": "ExternalName", "externalName": "example.com"}), &[]);
    zone
}

/// The answer in one line: the data of its records, with those beside them behind a bar.
fn ask(zone: &Zone, name: &str, kind: &str) -> String {
    let name = Name::from_ascii(format!("{name}.")).unwrap();
    let kind: RecordType = kind.parse().unwrap();
    let data = |records: &[Record]| {
        let mut texts: Vec<String> = records.iter().map(|r| r.data.to_string()).collect();
        texts.sort();
        texts.join(", ")
    };
    match zone.lookup(&name, kind) {
        Answer::Found { records, .. } if records.is_empty() => "no data".into(),
        Answer::Found { records, additionals } if additionals.is_empty() => data(&records),
        Answer::Found { records, additionals } => {
            format!("{} | {}", data(&records), data(&additionals))
        }
        Answer::Alias { record, target } => format!("{} then {target}", record.data),
        Answer::NoName => "no name".into(),
        Answer::Elsewhere => "elsewhere".into(),
    }
}

#[test]
fn names_lead_where_the_field_says() {
    let zone = zone();
    for (name, kind, answer) in [
        // Services with addresses of their own.
        ("web.shop.svc.cluster.local", "A", "10.96.0.1"),
        ("WEB.Shop.svc.CLUSTER.local", "A", "10.96.0.1"),
        ("web.shop.svc.cluster.local", "AAAA", "fd00::1"),
        ("web.shop.svc.cluster.local", "TXT", "no data"),
        ("none.shop.svc.cluster.local", "A", "no name"),
        ("web.other.svc.cluster.local", "A", "no name"),
        (
            "_http._tcp.web.shop.svc.cluster.local",
            "SRV",
            "0 100 80 web.shop.svc.cluster.local. | 10.96.0.1, fd00::1",
        ),
        (
            "_dns._udp.web.shop.svc.cluster.local",
            "SRV",
            "0 100 53 web.shop.svc.cluster.local. | 10.96.0.1, fd00::1",
        ),
        ("_dns._tcp.web.shop.svc.cluster.local", "SRV", "no name"),
        ("_http._tcp.web.shop.svc.cluster.local", "A", "10.96.0.1"),
        ("10-1-0-5.web.shop.svc.cluster.local", "A", "10.1.0.5"),
        // Headless ones.
        ("db.shop.svc.cluster.local", "A", "10.1.0.1, 10.1.0.2, 10.1.0.3"),
        ("db.shop.svc.cluster.local", "AAAA", "no data"),
        ("db-0.db.shop.svc.cluster.local", "A", "10.1.0.1"),
        ("db-7.db.shop.svc.cluster.local", "A", "no name"),
        ("10-1-0-3.db.shop.svc.cluster.local", "A", "10.1.0.3"),
        ("10-1-0-4.db.shop.svc.cluster.local", "A", "no name"),
        (
            "_sql._tcp.db.shop.svc.cluster.local",
            "SRV",
            "0 33 5432 10-1-0-3.db.shop.svc.cluster.local., \
             0 33 5432 db-0.db.shop.svc.cluster.local., \
             0 33 5432 db-1.db.shop.svc.cluster.local. | 10.1.0.1, 10.1.0.2, 10.1.0.3",
        ),
        ("idle.shop.svc.cluster.local", "A", "no name"),
        ("bare.shop.svc.cluster.local", "A", "10.1.0.9"),
        // Others.
        ("far.shop.svc.cluster.local", "A", "example.com. then example.com."),
        ("far.shop.svc.cluster.local", "CNAME", "example.com."),
        ("_x._tcp.far.shop.svc.cluster.local", "SRV", "no name"),
        ("10-1-0-77.shop.pod.cluster.local", "A", "10.1.0.77"),
        ("10-1-0-77.other.pod.cluster.local", "A", "no name"),
        ("fd00--7.shop.pod.cluster.local", "AAAA", "fd00::7"),
        ("nonsense.shop.pod.cluster.local", "A", "no name"),
        // Between and around.
        ("cluster.local", "A", "no data"),
        ("svc.cluster.local", "A", "no data"),
        ("shop.svc.cluster.local", "A", "no data"),
        ("other.svc.cluster.local", "A", "no name"),
        ("a.b.c.web.shop.svc.cluster.local", "A", "no name"),
        ("ns.dns.cluster.local", "A", "10.96.0.10"),
        ("cluster.local", "NS", "ns.dns.cluster.local."),
        ("dns-version.cluster.local", "TXT", "1.1.0"),
        ("example.com", "A", "elsewhere"),
        // Back from addresses.
        ("1.0.96.10.in-addr.arpa", "PTR", "web.shop.svc.cluster.local."),
        ("1.0.1.10.in-addr.arpa", "PTR", "db-0.db.shop.svc.cluster.local."),
        ("3.0.1.10.in-addr.arpa", "PTR", "10-1-0-3.db.shop.svc.cluster.local."),
        ("99.0.1.10.in-addr.arpa", "PTR", "elsewhere"),
        ("1.10.in-addr.arpa", "PTR", "elsewhere"),
        (
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
            "PTR",
            "web.shop.svc.cluster.local.",
        ),
    ] {
        assert_eq!(ask(&zone, name, kind), answer, "{name} {kind}");
    }
}

#[test]
fn a_service_takes_its_names_with_it() {
    let mut zone = zone();
    let before = zone.serial;
    for name in ["web", "db", "idle", "bare", "far"] {
        zone.set_service(&ObjectKey::new("shop", name), None);
    }
    assert!(zone.is_empty() && zone.addresses.is_empty());
    assert_ne!(zone.serial, before);
    assert_eq!(ask(&zone, "web.shop.svc.cluster.local", "A"), "no name");
    assert_eq!(ask(&zone, "1.0.96.10.in-addr.arpa", "PTR"), "elsewhere");
}

#[test]
fn what_did_not_change_keeps_the_serial_number() {
    let mut zone = zone();
    let before = zone.serial;
    let key = ObjectKey::new("shop", "web");
    let names = zone.services[&key].clone();
    zone.set_service(&key, Some(names));
    assert_eq!(zone.serial, before);
}
