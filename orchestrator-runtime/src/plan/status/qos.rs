//! The quality-of-service class, which the pod's requests and limits decide.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource;
use orchestrator_core::Quantity;

type Resources = BTreeMap<String, resource::Quantity>;

/// The resources that count.
const COUNTED: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub fn qos_class(pod: &Pod) -> &'static str {
    let Some(spec) = &pod.spec else { return "BestEffort" };
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let of_containers = init.iter().chain(&spec.containers).map(|c| c.resources.as_ref());
    // Resources of the pod as a whole stand in for those of its containers.
    let all: Vec<Option<&ResourceRequirements>> = match &spec.resources {
        Some(whole) => vec![Some(whole)],
        None => of_containers.collect(),
    };
    let none = ResourceRequirements::default();
    let all = || all.iter().map(|r| r.unwrap_or(&none));
    if all().all(|r| COUNTED.iter().all(|name| is_guaranteed(r, name))) {
        return "Guaranteed";
    }
    let asks = |map: Option<&Resources>| COUNTED.iter().any(|n| amount(map, n).is_some());
    let any = all().any(|r| asks(r.requests.as_ref()) || asks(r.limits.as_ref()));
    if any { "Burstable" } else { "BestEffort" }
}

/// Whether there is a limit and the request is no less; without a request it is the limit.
fn is_guaranteed(resources: &ResourceRequirements, name: &str) -> bool {
    let limit = amount(resources.limits.as_ref(), name);
    let request = amount(resources.requests.as_ref(), name).or(limit);
    limit.is_some() && request == limit
}

/// The amount, where there is one and it is more than nothing.
fn amount(map: Option<&Resources>, name: &str) -> Option<Quantity> {
    let amount: Quantity = map?.get(name)?.0.parse().ok()?;
    (amount.signum() > 0).then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn class(containers: Value) -> &'static str {
        qos_class(&serde_json::from_value(json!({"spec": {"containers": containers}})).unwrap())
    }

    #[test]
    fn limits_that_equal_requests_guarantee_and_anything_else_is_burstable() {
        let full = json!({"limits": {"cpu": "1", "memory": "1Gi"}});
        let equal = json!({"limits": {"cpu": "1000m", "memory": "1Gi"},
            "requests": {"cpu": "1", "memory": "1Gi"}});
        let less = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}});
        let cases = [
            (json!([{"name": "a"}]), "BestEffort"),
            (json!([{"name": "a", "resources": full}]), "Guaranteed"),
            (json!([{"name": "a", "resources": equal}]), "Guaranteed"),
            (json!([{"name": "a", "resources": full}, {"name": "b"}]), "Burstable"),
            (json!([{"name": "a", "resources": less}]), "Burstable"),
            (json!([{"name": "a", "resources": {"requests": {"cpu": "0"}}}]), "BestEffort"),
            (
                json!([{"name": "a", "resources": {"requests": {"example.com/x": "1"}}}]),
                "BestEffort",
            ),
        ];
        for (containers, expected) in cases {
            assert_eq!(class(containers.clone()), expected, "{containers}");
        }
    }
}
