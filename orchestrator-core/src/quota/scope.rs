//! Which objects a quota counts.

use super::Asked;
use crate::Json;
use crate::object::Object;

/// Whether the quota counts the object; one with scopes counts only pods.
pub fn covers(quota: &Object, object: &Object) -> bool {
    let list = |path: &[&str]| quota.at(path).and_then(Json::as_array).into_iter().flatten();
    let scopes = list(&["spec", "scopes"]).filter_map(Json::as_str);
    let mut scopes = scopes.map(|scope| (scope, "Exists", Vec::new())).collect::<Vec<_>>();
    for expression in list(&["spec", "scopeSelector", "matchExpressions"]) {
        let text = |name: &str| expression.get(name).and_then(Json::as_str).unwrap_or_default();
        let values = expression.get("values").and_then(Json::as_array);
        let values = values.into_iter().flatten().filter_map(Json::as_str).collect();
        scopes.push((text("scopeName"), text("operator"), values));
    }
    if scopes.is_empty() {
        return true;
    }
    object.kind() == "Pod"
        && scopes.iter().all(|(scope, operator, values)| holds(scope, operator, values, object))
}

fn holds(scope: &str, operator: &str, values: &[&str], pod: &Object) -> bool {
    let ends = pod.at(&["spec", "activeDeadlineSeconds"]).is_some();
    let asked = Asked::by_pod(pod);
    let best_effort = asked.requests.is_empty() && asked.limits.is_empty();
    match scope {
        "Terminating" => ends,
        "NotTerminating" => !ends,
        "BestEffort" => best_effort,
        "NotBestEffort" => !best_effort,
        "PriorityClass" => {
            let class = pod.text_at(&["spec", "priorityClassName"]);
            match operator {
                "In" => values.contains(&class),
                "NotIn" => !values.contains(&class),
                "DoesNotExist" => class.is_empty(),
                _ => !class.is_empty(),
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_tell_pods_apart() {
        let check = |spec: Json, pod: Json, wanted: bool| {
            let object = |json: Json| -> Object { serde_json::from_value(json).unwrap() };
            let pod = object(json!({"kind": "Pod", "spec": pod}));
            assert_eq!(covers(&object(json!({ "spec": spec })), &pod), wanted, "{spec}");
        };
        check(json!({}), json!({}), true);
        check(json!({"scopes": ["BestEffort"]}), json!({}), true);
        check(json!({"scopes": ["Terminating"]}), json!({}), false);
        check(json!({"scopes": ["Terminating"]}), json!({"activeDeadlineSeconds": 1}), true);
        let class = json!({"scopeSelector": {"matchExpressions":
            [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}});
        check(class.clone(), json!({"priorityClassName": "high"}), true);
        check(class, json!({"priorityClassName": "low"}), false);
    }
}
