//! The requests and limits that containers get where they name none.

use orchestrator_core::Json;
use orchestrator_core::object::{Map, Object, map_entry};

use crate::admission::pod::{annotate, containers_mut};

/// The annotation that tells what was filled in.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// Fills in what the containers of `pod` leave out.
pub(super) fn fill(pod: &mut Object, limits: &[Json]) {
    let empty = Map::new();
    let of = |name: &str| {
        let containers = limits.iter().filter(|limit| limit["type"] == "Container");
        let mut all = Map::new();
        for limit in containers {
            let values = limit.get(name).and_then(Json::as_object).unwrap_or(&empty);
            all.extend(values.clone());
        }
        all
    };
    let (requests, limits) = (of("defaultRequest"), of("default"));
    if requests.is_empty() && limits.is_empty() {
        return;
    }
    let mut told = Vec::new();
    for (list, what) in [("containers", "container"), ("initContainers", "init container")] {
        for container in containers_mut(pod, list) {
            let name = container.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
            for (field, word, values) in
                [("requests", "request", &requests), ("limits", "limit", &limits)]
            {
                let set = complete(container, field, values);
                if !set.is_empty() {
                    told.push(format!("{} {word} for {what} {name}", set.join(", ")));
                }
            }
        }
    }
    if !told.is_empty() {
        annotate(pod, ANNOTATION, format!("LimitRanger plugin set: {}", told.join("; ")));
    }
}

/// Adds to a container's requests or limits what they lack; the names of what was added.
fn complete(container: &mut Map, field: &str, values: &Map) -> Vec<String> {
    let own = container.get("resources").and_then(|resources| resources.get(field));
    let lacks = |name: &str| own.is_none_or(|own| own.get(name).is_none());
    let set: Vec<String> = values.keys().filter(|name| lacks(name)).map(Into::into).collect();
    if !set.is_empty() {
        let target = map_entry(map_entry(container, "resources"), field);
        for name in &set {
            target.insert(name.into(), values[name.as_str()].clone());
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_container_names_stays_and_what_is_filled_in_is_told() {
        let mut pod: Object = serde_json::from_value(json!({"spec": {
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "50m"}}}],
            "initContainers": [{"name": "i"}],
        }}))
        .unwrap();
        let limits = json!([{"type": "Container", "default": {"cpu": "1"},
            "defaultRequest": {"cpu": "100m", "memory": "1Gi"}}]);
        fill(&mut pod, limits.as_array().unwrap());
        let resources = pod.as_map()["spec"]["containers"][0]["resources"].clone();
        assert_eq!(resources["requests"], json!({"cpu": "50m", "memory": "1Gi"}));
        assert_eq!(resources["limits"], json!({"cpu": "1"}));
        assert_eq!(
            pod.annotation(ANNOTATION).unwrap(),
            "LimitRanger plugin set: memory request for container c; cpu limit for container c; \
             cpu, memory request for init container i; cpu limit for init container i"
        );
    }
}
