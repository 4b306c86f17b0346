use super::*;
use serde_json::{Value, json};

fn service(spec: Value) -> Arc<Service> {
    let mut full = json!({
        "clusterIP": "127.96.0.1", "clusterIPs": ["127.96.0.1"], "type": "ClusterIP",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 8080}],
    });
    for (name, value) in spec.as_object().unwrap() {
        full[name] = value.clone();
    }
    let meta = json!({"name": "web", "namespace": "shop"});
    Arc::new(serde_json::from_value(json!({"metadata": meta, "spec": full})).unwrap())
}

/// `a` to `z` of 127.64.0.x, written as `a` (ready), `a!` (terminating but serving), `a-` (not
/// ready), each on node `n1` where followed by `@`.
fn slice(endpoints: &str) -> Arc<EndpointSlice> {
    let endpoint = |text: &str| {
        let host = text.as_bytes()[0] - b'a' + 1;
        let leaving = text.contains('!');
        json!({
            "addresses": [format!("127.64.0.{host}")],
            "conditions": {"ready": !leaving && !text.contains('-'),
                "serving": !text.contains('-'), "terminating": leaving},
            "nodeName": if text.contains('@') { "n1" } else { "n2" },
        })
    };
    let endpoints: Vec<Value> = endpoints.split_whitespace().map(endpoint).collect();
    let labels = json!({SERVICE_NAME: "web"});
    Arc::new(
        serde_json::from_value(json!({
            "metadata": {"name": "web-1", "namespace": "shop", "labels": labels},
            "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
        }))
        .unwrap(),
    )
}

fn node() -> NodeView {
    NodeView { name: "n1".into(), zone: "z1".into() }
}

fn only_route(spec: Value, slices: &[Arc<EndpointSlice>]) -> Route {
    let table = routing_table(&[service(spec)], slices, &node());
    table.routes.into_values().next().unwrap()
}

/// The last letters of addresses, as in `slice`.
fn letters(addresses: &[SocketAddr]) -> String {
    let letter = |address: &SocketAddr| match address.ip() {
        IpAddr::V4(ip) => char::from(b'a' + ip.octets()[3] - 1),
        IpAddr::V6(_) => '6',
    };
    addresses.iter().map(letter).collect()
}

#[test]
fn conditions_and_policies_decide_who_takes_traffic() {
    for (endpoints, cluster, local) in [
        ("a b@", "ab", "b"),
        ("a- b@-", "", ""),
        ("a b!@", "a", "b"),
        ("a! b!@ c-", "ab", "b"),
        ("a", "a", ""),
        ("", "", ""),
    ] {
        let spec = json!({"externalTrafficPolicy": "Local", "type": "NodePort"});
        let route = only_route(spec, &[slice(endpoints)]);
        assert_eq!(letters(&route.internal), cluster, "{endpoints}");
        assert_eq!(letters(&route.external), local, "{endpoints}");
        let route = only_route(json!({"internalTrafficPolicy": "Local"}), &[slice(endpoints)]);
        assert_eq!(letters(&route.internal), local, "{endpoints}");
    }
}

#[test]
fn an_address_in_two_slices_counts_once_and_as_ready_if_it_is_in_one() {
    let route = only_route(json!({}), &[slice("a- b"), slice("a")]);
    assert_eq!((letters(&route.internal), route.endpoints.len()), ("ab".into(), 2));
}

#[test]
fn zone_hints_narrow_the_choice_where_all_have_one() {
    let hinted = |zones: &[&str]| {
        let mut slice = EndpointSlice::clone(&slice("a b"));
        for (endpoint, zone) in slice.endpoints.iter_mut().flatten().zip(zones) {
            let hints = json!({"forZones": [{"name": zone}]});
            endpoint.hints = Some(serde_json::from_value(hints).unwrap());
        }
        letters(&only_route(json!({}), &[Arc::new(slice)]).internal)
    };
    assert_eq!(hinted(&["z1", "z2"]), "a");
    assert_eq!(hinted(&["z2", "z3"]), "ab");
    assert_eq!(hinted(&["z1"]), "ab");
}

#[test]
fn frontends_follow_the_type_of_the_service() {
    let ports = json!([{"port": 80, "nodePort": 30080, "protocol": "UDP"}]);
    let route = only_route(json!({"ports": ports.clone(), "externalIPs": ["10.0.0.9"]}), &[]);
    assert_eq!((route.node_port, route.protocol), (None, Protocol::Udp));
    assert_eq!(route.outside, ["10.0.0.9:80".parse().unwrap()]);
    let route = only_route(json!({"ports": ports, "type": "NodePort"}), &[]);
    assert_eq!(route.node_port, Some(30080));
    let affine = json!({"sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 5}}});
    assert_eq!(only_route(affine, &[]).affinity, Some(Duration::from_secs(5)));
}

#[test]
fn services_without_an_address_and_unreadable_ports_have_no_routes() {
    for spec in [
        json!({"clusterIP": "None", "clusterIPs": ["None"]}),
        json!({"type": "ExternalName"}),
        json!({"ports": [{"port": 0}]}),
        json!({"ports": [{"port": 80, "protocol": "QUIC"}]}),
    ] {
        let table = routing_table(&[service(spec.clone())], &[slice("a")], &node());
        assert!(table.routes.is_empty(), "{spec}");
    }
}

#[test]
fn load_balancers_learn_how_many_endpoints_are_local() {
    let spec = json!({
        "type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 32000,
    });
    let table = routing_table(&[service(spec)], &[slice("a@ b@ c d!@")], &node());
    let check = table.health_checks.into_values().next();
    assert_eq!(check, Some(HealthCheck { port: 32000, local_endpoints: 2 }));
}
