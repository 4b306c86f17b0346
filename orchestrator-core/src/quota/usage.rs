//! What an object takes, in the words of quotas.

use super::{Amounts, Asked, containers};
use crate::object::Object;
use crate::quantity::Format;
use crate::{GroupResource, Json, Quantity};

/// Kinds that are counted by their plain plural too.
const PLAIN: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];

/// Compute resources; without a prefix the word of a quota means the request.
const COMPUTE: &[&str] = &["cpu", "ephemeral-storage", "memory"];

/// Which objects a word of a quota is about.
pub fn counted_resource(word: &str) -> GroupResource {
    if let Some(counted) = word.strip_prefix("count/") {
        let (plural, group) = counted.split_once('.').unwrap_or((counted, ""));
        return GroupResource::new(group.to_owned(), plural.to_owned());
    }
    let plural = match word {
        "services.loadbalancers" | "services.nodeports" => "services",
        "requests.storage" => "persistentvolumeclaims",
        of_class if of_class.contains(".storageclass.storage.k8s.io/") => "persistentvolumeclaims",
        plain => PLAIN.iter().find(|known| **known == plain).copied().unwrap_or("pods"),
    };
    GroupResource::new("", plural)
}

/// What one object of `resource` takes.
pub fn usage(resource: &GroupResource, object: &Object) -> Amounts {
    let mut usage = Amounts::new();
    usage.insert(format!("count/{resource}"), count(1));
    if !resource.group.is_empty() {
        return usage;
    }
    if PLAIN.contains(&&*resource.resource) {
        usage.insert(resource.resource.to_string(), count(1));
    }
    match &*resource.resource {
        "pods" => pod(object, &mut usage),
        "services" => service(object, &mut usage),
        "persistentvolumeclaims" => claim(object, &mut usage),
        _ => {}
    }
    usage
}

fn count(number: i64) -> Quantity {
    Quantity::new(number, Format::DecimalSi)
}

fn pod(pod: &Object, usage: &mut Amounts) {
    // One that has ended runs no more; it is still an object.
    if matches!(pod.text_at(&["status", "phase"]), "Succeeded" | "Failed") {
        usage.remove("pods");
        return;
    }
    let asked = Asked::by_pod(pod);
    for (name, amount) in &asked.requests {
        usage.insert(format!("requests.{name}"), *amount);
        if COMPUTE.contains(&name.as_str()) {
            usage.insert(name.clone(), *amount);
        }
    }
    for (name, amount) in &asked.limits {
        usage.insert(format!("limits.{name}"), *amount);
    }
}

fn service(service: &Object, usage: &mut Amounts) {
    let kind = service.text_at(&["spec", "type"]);
    let ports = service.at(&["spec", "ports"]).and_then(Json::as_array).map_or(0, Vec::len);
    let ports = count(i64::try_from(ports).unwrap_or(i64::MAX));
    let drawn = service.at(&["spec", "allocateLoadBalancerNodePorts"]) != Some(&Json::Bool(false));
    if kind == "LoadBalancer" {
        usage.insert("services.loadbalancers".into(), count(1));
    }
    if kind == "NodePort" || (kind == "LoadBalancer" && drawn) {
        usage.insert("services.nodeports".into(), ports);
    }
}

fn claim(claim: &Object, usage: &mut Amounts) {
    let asked = claim.get("spec").and_then(Json::as_object).map(Asked::by).unwrap_or_default();
    let class = claim.text_at(&["spec", "storageClassName"]);
    let of_class = |name: &str| format!("{class}.storageclass.storage.k8s.io/{name}");
    if !class.is_empty() {
        usage.insert(of_class("persistentvolumeclaims"), count(1));
    }
    if let Some(size) = asked.requests.get("storage") {
        usage.insert("requests.storage".into(), *size);
        if !class.is_empty() {
            usage.insert(of_class("requests.storage"), *size);
        }
    }
}

/// What a pod does not say though one of the quota's words `hard` counts it, with the containers
/// that do not say it.
pub fn missing<'h>(object: &Object, hard: impl Iterator<Item = &'h String>) -> Vec<String> {
    if object.kind() != "Pod" {
        return Vec::new();
    }
    let mut missing = Vec::new();
    for word in hard {
        let (limit, name) = match word.split_once('.') {
            Some(("limits", name)) => (true, name),
            Some(("requests", name)) => (false, name),
            _ => (false, word.as_str()),
        };
        if !COMPUTE.contains(&name) {
            continue;
        }
        let lists = ["containers", "initContainers"].into_iter();
        let silent = lists.flat_map(|list| containers(object, list)).filter(|container| {
            let asked = Asked::by(container);
            let amounts = if limit { &asked.limits } else { &asked.requests };
            !amounts.contains_key(name)
        });
        let names: Vec<&str> =
            silent.filter_map(|container| container.get("name")?.as_str()).collect();
        if !names.is_empty() {
            missing.push(format!("{word} for: {}", names.join(",")));
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(plural: &'static str, object: Json) -> String {
        let object: Object = serde_json::from_value(object).unwrap();
        let usage = usage(&GroupResource::new("", plural), &object);
        let words: Vec<String> = usage.iter().map(|(k, v)| format!("{k}={v}")).collect();
        words.join(" ")
    }

    #[test]
    fn each_kind_takes_what_quotas_have_words_for() {
        let cpu = json!({"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}});
        let pod = json!({"kind": "Pod", "spec": {"containers": [cpu]}});
        assert_eq!(
            of("pods", pod.clone()),
            "count/pods=1 cpu=1 limits.cpu=2 pods=1 requests.cpu=1"
        );
        let mut ended = pod;
        ended["status"] = json!({"phase": "Succeeded"});
        assert_eq!(of("pods", ended), "count/pods=1");
        let service = json!({"spec": {"type": "LoadBalancer", "ports": [{}, {}]}});
        assert_eq!(
            of("services", service),
            "count/services=1 services=1 services.loadbalancers=1 services.nodeports=2"
        );
        assert_eq!(of("configmaps", json!({})), "configmaps=1 count/configmaps=1");
    }

    #[test]
    fn each_word_is_about_one_resource() {
        let cases = [
            ("cpu", "pods"),
            ("limits.memory", "pods"),
            ("pods", "pods"),
            ("requests.nvidia.com/gpu", "pods"),
            ("services.nodeports", "services"),
            ("requests.storage", "persistentvolumeclaims"),
            ("gold.storageclass.storage.k8s.io/requests.storage", "persistentvolumeclaims"),
            ("secrets", "secrets"),
            ("count/deployments.apps", "deployments.apps"),
            ("count/widgets.example.com", "widgets.example.com"),
        ];
        for (word, resource) in cases {
            assert_eq!(counted_resource(word).to_string(), resource, "{word}");
        }
    }
}
