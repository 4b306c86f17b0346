//! How much a container, a pod or a claim may ask for.

use orchestrator_core::Json;
use orchestrator_core::object::{Map, Object};

use orchestrator_core::quota::{Amounts, Asked, amounts, containers};

/// What is too much or too little about the containers of a pod, and about the pod as a whole.
pub(super) fn check_pod(pod: &Object, limits: &[Json]) -> Vec<String> {
    let mut errors = Vec::new();
    for limit in limits {
        match limit["type"].as_str() {
            Some("Container") => {
                for list in ["containers", "initContainers"] {
                    for container in containers(pod, list) {
                        check(limit, "Container", &Asked::by(container), &mut errors);
                    }
                }
            }
            Some("Pod") => check(limit, "Pod", &Asked::by_pod(pod), &mut errors),
            _ => {}
        }
    }
    errors
}

/// What is too much or too little about a claim.
pub(super) fn check_claim(claim: &Object, limits: &[Json]) -> Vec<String> {
    const TYPE: &str = "PersistentVolumeClaim";
    let empty = Map::new();
    let spec = claim.get("spec").and_then(Json::as_object).unwrap_or(&empty);
    let asked = Asked { limits: Amounts::new(), ..Asked::by(spec) };
    let mut errors = Vec::new();
    for limit in limits.iter().filter(|limit| limit["type"] == TYPE) {
        min(limit, TYPE, &asked, &mut errors);
        for (name, most) in amounts(limit.get("max")) {
            match asked.requests.get(&name) {
                Some(request) if *request > most => errors.push(format!(
                    "maximum {name} usage per {TYPE} is {most}, but request is {request}"
                )),
                _ => {}
            }
        }
    }
    errors
}

fn check(limit: &Json, what: &str, asked: &Asked, errors: &mut Vec<String>) {
    min(limit, what, asked, errors);
    max(limit, what, asked, errors);
    ratio(limit, what, asked, errors);
}

fn min(limit: &Json, what: &str, asked: &Asked, errors: &mut Vec<String>) {
    for (name, least) in amounts(limit.get("min")) {
        let begin = format!("minimum {name} usage per {what} is {least}");
        match (asked.requests.get(&name), asked.limits.get(&name)) {
            (None, _) => errors.push(format!("{begin}.  No request is specified")),
            (Some(request), _) if *request < least => {
                errors.push(format!("{begin}, but request is {request}"));
            }
            (_, Some(limit)) if *limit < least => {
                errors.push(format!("{begin}, but limit is {limit}"));
            }
            _ => {}
        }
    }
}

fn max(limit: &Json, what: &str, asked: &Asked, errors: &mut Vec<String>) {
    for (name, most) in amounts(limit.get("max")) {
        let begin = format!("maximum {name} usage per {what} is {most}");
        match (asked.requests.get(&name), asked.limits.get(&name)) {
            (_, None) => errors.push(format!("{begin}.  No limit is specified")),
            (_, Some(limit)) if *limit > most => {
                errors.push(format!("{begin}, but limit is {limit}"));
            }
            (Some(request), _) if *request > most => {
                errors.push(format!("{begin}, but request is {request}"));
            }
            _ => {}
        }
    }
}

fn ratio(limit: &Json, what: &str, asked: &Asked, errors: &mut Vec<String>) {
    for (name, most) in amounts(limit.get("maxLimitRequestRatio")) {
        let begin = format!("{name} max limit to request ratio per {what} is {most}");
        let set = |amounts: &Amounts| amounts.get(&name).copied().filter(|a| !a.is_zero());
        match (set(&asked.requests), set(&asked.limits)) {
            (None, _) => {
                errors.push(format!("{begin}, but no request is specified or request is 0"));
            }
            (_, None) => errors.push(format!("{begin}, but no limit is specified or limit is 0")),
            (Some(request), Some(limit)) => {
                let ratio = limit.as_f64() / request.as_f64();
                if ratio > most.as_f64() {
                    errors.push(format!("{begin}, but provided ratio is {ratio:.6}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(limit: Json, resources: Json) -> Vec<String> {
        let pod = json!({"spec": {"containers": [{"name": "c", "resources": resources}]}});
        check_pod(&serde_json::from_value(pod).unwrap(), &[limit])
    }

    #[test]
    fn each_bound_is_told_in_its_own_words() {
        let cases = [
            (
                json!({"type": "Container", "min": {"cpu": "100m"}}),
                json!({"requests": {"cpu": "10m"}}),
                "minimum cpu usage per Container is 100m, but request is 10m",
            ),
            (
                json!({"type": "Pod", "min": {"memory": "1Gi"}}),
                json!({}),
                "minimum memory usage per Pod is 1Gi.  No request is specified",
            ),
            (
                json!({"type": "Pod", "max": {"memory": "1Gi"}}),
                json!({"limits": {"memory": "2Gi"}}),
                "maximum memory usage per Pod is 1Gi, but limit is 2Gi",
            ),
            (
                json!({"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"limits": {"cpu": "4"}, "requests": {"cpu": "1"}}),
                "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
            ),
        ];
        for (limit, resources, wanted) in cases {
            assert_eq!(checked(limit, resources), [wanted]);
        }
        let fits = json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}});
        assert!(checked(json!({"type": "Container", "max": {"cpu": "1"}}), fits).is_empty());
    }
}
