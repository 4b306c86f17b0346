//! The quality of service that a pod's requests and limits buy it.

use orchestrator_core::{Json, Quantity};

use crate::fields::Fields;

/// The resources that count.
const COUNTED: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`.
///
/// A pod is guaranteed what it asks for where each of its containers limits both resources and
/// requests its limits; it gets what is left where nobody asks for anything. Resources of the
/// pod as a whole count instead of those of its containers.
pub fn class(spec: &Json) -> &'static str {
    let of_pod = spec.sub("resources");
    if asks(of_pod) {
        return if is_guaranteed(of_pod) { "Guaranteed" } else { "Burstable" };
    }
    let containers = || {
        spec.list("initContainers")
            .iter()
            .chain(spec.list("containers"))
            .map(|c| c.sub("resources"))
    };
    if !containers().any(asks) {
        "BestEffort"
    } else if containers().all(is_guaranteed) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

fn amount(resources: &Json, list: &str, name: &str) -> Option<Quantity> {
    let amount: Quantity = resources.sub(list).sub(name).as_str()?.parse().ok()?;
    (amount.signum() > 0).then_some(amount)
}

fn asks(resources: &Json) -> bool {
    COUNTED.iter().any(|name| {
        amount(resources, "requests", name).is_some() || amount(resources, "limits", name).is_some()
    })
}

fn is_guaranteed(resources: &Json) -> bool {
    COUNTED.iter().all(|name| {
        let limit = amount(resources, "limits", name);
        limit.is_some() && limit == amount(resources, "requests", name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_class_follows_requests_and_limits() {
        let both = json!({"cpu": "1", "memory": "1Gi"});
        let full = json!({"requests": both, "limits": both});
        let cases = [
            (json!([{}]), "BestEffort"),
            (json!([{"resources": {"requests": {"cpu": "0"}}}]), "BestEffort"),
            (json!([{"resources": {"requests": {"x/y": "1"}}}]), "BestEffort"),
            (json!([{"resources": {"requests": {"cpu": "1"}}}]), "Burstable"),
            (json!([{"resources": full}]), "Guaranteed"),
            (json!([{"resources": full}, {}]), "Burstable"),
        ];
        for (containers, wanted) in cases {
            assert_eq!(class(&json!({ "containers": containers })), wanted, "{containers}");
        }
        assert_eq!(class(&json!({"containers": [{}], "resources": full})), "Guaranteed");
    }
}
