//! Environments from small pods.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

fn material() -> Material {
    let config = json!({"data": {"color": "blue", "bad=key": "x"}});
    let secret = json!({"data": {"password": "czNjcmV0"}});
    let service = |namespace: &str, name: &str, ip: &str| {
        let ports = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
        let spec = json!({"clusterIP": ip, "ports": ports});
        let meta = json!({"namespace": namespace, "name": name});
        Arc::new(serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap())
    };
    Material {
        config_maps: [("c".into(), Arc::new(serde_json::from_value(config).unwrap()))].into(),
        secrets: [("s".into(), Arc::new(serde_json::from_value(secret).unwrap()))].into(),
        services: vec![
            service("default", "kubernetes", "10.0.0.1"),
            service("n", "my-app", "10.0.0.2"),
            service("n", "headless", "None"),
            service("other", "db", "10.0.0.3"),
        ],
        pod_ips: vec!["127.64.0.1".parse().unwrap()],
        host_ips: vec!["10.1.0.1".parse().unwrap()],
        allocatable: serde_json::from_value(json!({"cpu": "4", "memory": "8Gi"})).unwrap(),
        ..Material::default()
    }
}

/// The variables of a container `a` with these fields that no service has set.
fn own(container: Value) -> Result<String, MaterialError> {
    let mut container = container;
    container["name"] = "a".into();
    let labels = json!({"app": "web"});
    let meta = json!({"name": "p", "namespace": "n", "uid": "u", "labels": labels});
    let spec = json!({"nodeName": "node", "containers": [container], "enableServiceLinks": false});
    let pod: Pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap();
    let container = &pod.spec.as_ref().unwrap().containers[0];
    let env = environment(Subject { pod: &pod, container, material: &material() })?;
    let own = env.into_iter().filter(|(name, _)| !name.starts_with("KUBERNETES_"));
    Ok(own.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
}

#[test]
fn every_kind_of_reference_gives_its_value() {
    let cases = [
        (json!({"fieldRef": {"fieldPath": "metadata.name"}}), "p"),
        (json!({"fieldRef": {"fieldPath": "metadata.labels['app']"}}), "web"),
        (json!({"fieldRef": {"fieldPath": "metadata.labels['none']"}}), ""),
        (json!({"fieldRef": {"fieldPath": "spec.nodeName"}}), "node"),
        (json!({"fieldRef": {"fieldPath": "status.podIP"}}), "127.64.0.1"),
        (json!({"fieldRef": {"fieldPath": "status.hostIP"}}), "10.1.0.1"),
        (json!({"configMapKeyRef": {"name": "c", "key": "color"}}), "blue"),
        (json!({"secretKeyRef": {"name": "s", "key": "password"}}), "s3cret"),
        (json!({"resourceFieldRef": {"resource": "requests.cpu"}}), "1"),
        (json!({"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}), "250"),
        (json!({"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}), "8192"),
    ];
    for (from, expected) in cases {
        let resources = json!({"requests": {"cpu": "250m"}});
        let env = json!([{"name": "X", "valueFrom": from}]);
        let made = own(json!({"env": env, "resources": resources})).unwrap();
        assert_eq!(made, format!("X={expected}"), "{from}");
    }
}

#[test]
fn what_is_missing_is_an_error_unless_it_is_optional() {
    let cases = [
        (json!({"configMapKeyRef": {"name": "x", "key": "k"}}), "configmap \"x\" not found"),
        (
            json!({"configMapKeyRef": {"name": "c", "key": "k"}}),
            "couldn't find key k in ConfigMap n/c",
        ),
        (json!({"secretKeyRef": {"name": "x", "key": "k"}}), "secret \"x\" not found"),
        (json!({"secretKeyRef": {"name": "s", "key": "k"}}), "couldn't find key k in Secret n/s"),
    ];
    for (mut from, expected) in cases {
        let env = |from: &Value| own(json!({"env": [{"name": "X", "valueFrom": from}]}));
        assert_eq!(env(&from), Err(MaterialError(expected.into())));
        let reference = from.as_object_mut().unwrap().values_mut().next().unwrap();
        reference["optional"] = true.into();
        assert_eq!(env(&from).unwrap(), "");
    }
}

#[test]
fn variables_see_those_before_them_and_later_ones_win() {
    let env = json!([
        {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)-$(color)-$(C)"},
        {"name": "C", "value": "$(KUBERNETES_SERVICE_HOST)"}, {"name": "A", "value": "2"}]);
    let from = json!([{"configMapRef": {"name": "c"}}, {"prefix": "P_", "secretRef": {"name": "s"}},
        {"configMapRef": {"name": "none", "optional": true}}]);
    let made = own(json!({"env": env, "envFrom": from})).unwrap();
    assert_eq!(made, "color=blue P_password=s3cret A=2 B=1-blue-$(C) C=10.0.0.1");
}

#[test]
fn services_of_the_namespace_and_the_api_are_told() {
    let told = service::variables(&material().services, "n", true);
    let some = ["MY_APP_SERVICE_HOST", "MY_APP_SERVICE_PORT_HTTP", "MY_APP_PORT_80_TCP_ADDR"];
    let values: Vec<_> = some.iter().map(|name| told[*name].as_str()).collect();
    assert_eq!(values, ["10.0.0.2", "80", "10.0.0.2"]);
    assert_eq!(told["KUBERNETES_PORT"], "tcp://10.0.0.1:80");
    assert!(!told.keys().any(|name| name.starts_with("DB_") || name.starts_with("HEADLESS_")));
    let unlinked = service::variables(&material().services, "n", false);
    assert!(unlinked.keys().all(|name| name.starts_with("KUBERNETES_")));
}
