//! Defaults of a pod spec.

mod container;
mod volume;

use orchestrator_core::object::Map;
use orchestrator_core::{Json, Object, Quantity};

use crate::fields::{Fields, Fill};

pub use container::fill_container;
pub use volume::fill_source;

/// The lists of containers that a pod spec has.
pub const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The time a pod has to stop, in seconds.
const GRACE_S: i64 = 30;

/// Fills in the spec of a pod or of a template.
pub fn fill_spec(spec: &mut Map) {
    for volume in spec.maps_of("volumes") {
        volume::fill_volume(volume);
    }
    for list in CONTAINER_LISTS {
        for container in spec.maps_of(list) {
            fill_container(container);
        }
    }
    if let Some(resources) = spec.map_at("resources") {
        round_resources(resources);
    }
    if let Some(overhead) = spec.map_at("overhead") {
        round_amounts(overhead);
    }
    spec.fill_text("restartPolicy", "Always");
    spec.fill_text("dnsPolicy", "ClusterFirst");
    spec.fill_text("schedulerName", "default-scheduler");
    spec.fill("securityContext", Map::new());
    spec.fill("terminationGracePeriodSeconds", GRACE_S);
    spec.fill("containers", Json::Null);
    mirror_service_account(spec);
}

/// Fills in what only a pod gets, and a template does not.
pub fn fill_pod(pod: &mut Object) {
    let spec = pod.map_mut("spec");
    fill_spec(spec);
    spec.fill("enableServiceLinks", true);
    if spec.flag("hostNetwork") {
        for list in CONTAINER_LISTS {
            spec.maps_of(list).for_each(fill_host_ports);
        }
    }
    for list in CONTAINER_LISTS {
        for container in spec.maps_of(list) {
            if let Some(resources) = container.map_at("resources") {
                fill_requests(resources);
            }
        }
    }
    if let Some(resources) = spec.map_at("resources") {
        fill_requests(resources);
    }
}

/// The account has two names: both are written.
pub fn mirror_service_account(spec: &mut Map) {
    let (name, old_name) = (spec.text("serviceAccountName"), spec.text("serviceAccount"));
    let account = if name.is_empty() { old_name } else { name };
    if !account.is_empty() && name != old_name {
        let account = account.to_owned();
        spec.insert("serviceAccount".into(), account.as_str().into());
        spec.insert("serviceAccountName".into(), account.into());
    }
}

/// On the host's network a port of the container is a port of the host.
fn fill_host_ports(container: &mut Map) {
    for port in container.maps_of("ports") {
        let number = port.int("containerPort").unwrap_or_default();
        if number != 0 {
            port.fill_number("hostPort", number);
        }
    }
}

/// Who limits a resource and requests none of it requests the limit.
fn fill_requests(resources: &mut Map) {
    let Some(limits) = resources.map("limits").filter(|limits| !limits.is_empty()) else { return };
    let requests = resources.map("requests");
    let missing = |name: &str| requests.is_none_or(|requests| !requests.contains_key(name));
    let missing: Vec<_> = limits
        .iter()
        .filter(|(name, _)| missing(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    if !missing.is_empty() {
        resources.map_made("requests").extend(missing);
    }
}

/// Rounds the amounts of limits and requests up to thousandths.
pub fn round_resources(resources: &mut Map) {
    for list in ["limits", "requests"] {
        if let Some(amounts) = resources.map_at(list) {
            round_amounts(amounts);
        }
    }
}

/// Rounds amounts up to thousandths.
pub fn round_amounts(amounts: &mut Map) {
    for amount in amounts.values_mut() {
        let Some(text) = amount.as_str() else { continue };
        // In canonical form nothing else is finer than a thousandth.
        if !(text.ends_with(['n', 'u']) || text.contains("e-")) {
            continue;
        }
        if let Ok(exact) = text.parse::<Quantity>() {
            let rounded = Quantity::from_milli(exact.milli_value(), exact.format());
            if rounded != exact {
                *amount = rounded.to_string().into();
            }
        }
    }
}

/// Removes what is behind a feature that is off: stop signals of containers.
pub fn drop_disabled(spec: &mut Map) {
    for list in CONTAINER_LISTS {
        for container in spec.maps_of(list) {
            let Some(lifecycle) = container.map_at("lifecycle") else { continue };
            if lifecycle.remove("stopSignal").is_some() && lifecycle.is_empty() {
                container.remove("lifecycle");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_finer_than_a_thousandth_are_rounded_up() {
        let mut amounts = json!({"a": "100u", "b": "123456789n", "c": "1", "d": "100e-3"});
        round_amounts(amounts.as_object_mut().unwrap());
        assert_eq!(amounts, json!({"a": "1m", "b": "124m", "c": "1", "d": "100e-3"}));
    }

    #[test]
    fn the_account_has_two_names() {
        for (given, wanted) in [
            (json!({"serviceAccount": "a"}), "a"),
            (json!({"serviceAccountName": "b"}), "b"),
            (json!({"serviceAccountName": "b", "serviceAccount": "a"}), "b"),
        ] {
            let mut spec = given.as_object().unwrap().clone();
            mirror_service_account(&mut spec);
            assert_eq!(
                (spec.text("serviceAccountName"), spec.text("serviceAccount")),
                (wanted, wanted)
            );
        }
    }
}
