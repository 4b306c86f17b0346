//! The taints that follow from a node's conditions.

use k8s_openapi::api::core::v1::{Node, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::health::{condition, readiness};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Conditions that keep new pods away while they are true.
const PRESSURE: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
];

/// The taints that `node` shall have; `None` where it has them. Taints of others stay as they
/// are, and a taint that stays keeps the time at which it was added. Without `gives_up` no pods
/// are driven away.
pub(super) fn desired(node: &Node, now: &Time, gives_up: bool) -> Option<Vec<Taint>> {
    let spec = node.spec.clone().unwrap_or_default();
    let before = spec.taints.unwrap_or_default();
    let mut wanted = wanted(node, spec.unschedulable == Some(true));
    wanted.retain(|(_, effect)| gives_up || *effect != "NoExecute");
    let stays =
        |taint: &Taint| !is_ours(taint) || wanted.contains(&(taint.key.as_str(), &taint.effect));
    let mut taints: Vec<Taint> = before.iter().filter(|taint| stays(taint)).cloned().collect();
    for (key, effect) in wanted {
        if !taints.iter().any(|taint| taint.key == key && taint.effect == effect) {
            taints.push(Taint {
                key: key.into(),
                effect: effect.into(),
                time_added: Some(now.clone()),
                value: None,
            });
        }
    }
    (taints != before).then_some(taints)
}

/// Whether pods are driven away from a node because it does not speak.
pub(super) fn is_given_up(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let ours = |taint: &Taint| [NOT_READY, UNREACHABLE].contains(&taint.key.as_str());
    taints.iter().any(|taint| ours(taint) && taint.effect == "NoExecute")
}

/// Keys and effects of the taints that follow from the conditions.
fn wanted(node: &Node, unschedulable: bool) -> Vec<(&'static str, &'static str)> {
    let mut taints = match readiness(node) {
        "True" => Vec::new(),
        "False" => vec![(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")],
        // Nothing is known of a node that never spoke, until its silence has lasted too long.
        _ if condition(node, "Ready").is_none() => Vec::new(),
        _ => vec![(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")],
    };
    let is_true = |r#type: &str| condition(node, r#type).is_some_and(|c| c.status == "True");
    let pressure = PRESSURE.iter().filter(|(r#type, _)| is_true(r#type));
    taints.extend(pressure.map(|(_, key)| (*key, "NoSchedule")));
    if unschedulable {
        taints.push((UNSCHEDULABLE, "NoSchedule"));
    }
    taints
}

/// Whether a taint is one that this controller adds and removes.
fn is_ours(taint: &Taint) -> bool {
    match taint.effect.as_str() {
        "NoExecute" => matches!(taint.key.as_str(), NOT_READY | UNREACHABLE),
        "NoSchedule" => {
            matches!(taint.key.as_str(), NOT_READY | UNREACHABLE | UNSCHEDULABLE)
                || PRESSURE.iter().any(|(_, key)| *key == taint.key)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::tests::node;
    use super::*;
    use crate::clock::tests::at;
    use serde_json::{Value, json};

    fn show(taints: Option<Vec<Taint>>) -> Option<String> {
        let word = |taint: &Taint| {
            let key = taint.key.trim_start_matches("node.kubernetes.io/");
            format!("{key}:{}", taint.effect)
        };
        taints.map(|taints| taints.iter().map(word).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn taints_follow_the_conditions_and_leave_those_of_others_alone() {
        let tainted = |key: &str, effect: &str| json!({"key": key, "effect": effect});
        let taints = |taints: &[Value]| json!({"taints": taints});
        let not_ready = [tainted(NOT_READY, "NoSchedule"), tainted(NOT_READY, "NoExecute")];
        let other = tainted("a", "NoExecute");
        let cases = [
            ("Ready=True", json!({}), None),
            ("Ready=False", json!({}), Some("not-ready:NoSchedule not-ready:NoExecute")),
            ("Ready=False", taints(&not_ready), None),
            ("Ready=True", taints(&not_ready), Some("")),
            (
                "Ready=Unknown",
                taints(&[other, not_ready[1].clone()]),
                Some("a:NoExecute unreachable:NoSchedule unreachable:NoExecute"),
            ),
            ("", json!({}), None),
            ("", taints(&not_ready[..1]), Some("")),
            ("Ready=True DiskPressure=True", json!({}), Some("disk-pressure:NoSchedule")),
            ("Ready=True", json!({"unschedulable": true}), Some("unschedulable:NoSchedule")),
        ];
        for (conditions, spec, want) in cases {
            let got = desired(&node(conditions, spec), &at("2026-01-01T00:00:00Z"), true);
            assert_eq!(show(got).as_deref(), want, "{conditions}");
        }
    }
}
