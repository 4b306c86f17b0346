//! Whether a node still speaks: its last sign of life, and what follows from silence.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use tokio::time::Instant;

/// The conditions that a node's agent keeps.
const KEPT_BY_NODE: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// A node's last sign of life, and when it was seen by our own clock; the times that a node
/// writes come from another clock and only count as changed or not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sign {
    heartbeat: Option<Time>,
    renewal: Option<MicroTime>,
    seen: Instant,
}

impl Sign {
    /// The sign after a look at a node and its lease.
    pub(super) fn update(
        before: Option<Self>,
        node: &Node,
        lease: Option<&Lease>,
        now: Instant,
    ) -> Self {
        let heartbeat =
            condition(node, "Ready").and_then(|ready| ready.last_heartbeat_time.clone());
        let renewal = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.clone());
        match before {
            Some(sign) if sign.heartbeat == heartbeat && sign.renewal == renewal => sign,
            _ => Self { heartbeat, renewal, seen: now },
        }
    }

    /// How long the node may still be silent; `None` where it has been for too long.
    pub(super) fn patience(&self, grace: Duration, now: Instant) -> Option<Duration> {
        let patience = (self.seen + grace).checked_duration_since(now);
        patience.filter(|patience| !patience.is_zero())
    }
}

/// The condition of this type.
pub(super) fn condition<'a>(node: &'a Node, r#type: &str) -> Option<&'a NodeCondition> {
    let conditions = node.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == r#type)
}

/// The state of the node's `Ready` condition; `Unknown` where it has none.
pub(super) fn readiness(node: &Node) -> &str {
    condition(node, "Ready").map_or("Unknown", |ready| &ready.status)
}

/// The conditions of a node that has fallen silent; `None` where they are like this already.
pub(super) fn silenced(node: &Node, now: &Time) -> Option<Vec<NodeCondition>> {
    let status = node.status.clone().unwrap_or_default();
    let before = status.conditions.unwrap_or_default();
    let mut conditions = before.clone();
    for r#type in KEPT_BY_NODE {
        match conditions.iter_mut().find(|condition| condition.type_ == r#type) {
            Some(condition) if condition.status == "Unknown" => {}
            Some(condition) => {
                condition.status = "Unknown".into();
                condition.reason = Some("NodeStatusUnknown".into());
                condition.message = Some("Kubelet stopped posting node status.".into());
                condition.last_transition_time = Some(now.clone());
            }
            None => conditions.push(NodeCondition {
                type_: r#type.into(),
                status: "Unknown".into(),
                reason: Some("NodeStatusNeverUpdated".into()),
                message: Some("Kubelet never posted node status.".into()),
                last_heartbeat_time: node.metadata.creation_timestamp.clone(),
                last_transition_time: Some(now.clone()),
            }),
        }
    }
    (conditions != before).then_some(conditions)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::clock::tests::at;
    use orchestrator_core::Env;
    use serde_json::{Value, json};

    /// A node with these conditions, each `Type=Status`.
    pub(in super::super) fn node(conditions: &str, spec: Value) -> Node {
        let conditions: Vec<Value> = conditions
            .split_whitespace()
            .map(|word| word.split_once('=').unwrap())
            .map(|(r#type, status)| {
                json!({"type": r#type, "status": status,
                "lastHeartbeatTime": "2026-01-01T00:00:00Z"})
            })
            .collect();
        let node =
            json!({"metadata": {"name": "n"}, "spec": spec, "status": {"conditions": conditions}});
        serde_json::from_value(node).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_silent_when_neither_heartbeat_nor_lease_changes() {
        let env = Env::simulated(1);
        let grace = Duration::from_secs(40);
        let lease = |text: &str| -> Lease {
            serde_json::from_value(json!({"metadata": {}, "spec": {"renewTime": text}})).unwrap()
        };
        let node = node("Ready=True", json!({}));
        let first = lease("2020-01-01T00:00:00.000000Z");
        let sign = Sign::update(None, &node, Some(&first), env.instant());
        env.sleep(Duration::from_secs(30)).await;
        let sign = Sign::update(Some(sign), &node, Some(&first), env.instant());
        assert_eq!(sign.patience(grace, env.instant()), Some(Duration::from_secs(10)));
        env.sleep(Duration::from_secs(10)).await;
        assert_eq!(sign.patience(grace, env.instant()), None);
        let renewed = lease("2020-01-01T00:00:10.000000Z");
        let sign = Sign::update(Some(sign), &node, Some(&renewed), env.instant());
        assert_eq!(sign.patience(grace, env.instant()), Some(grace));
    }

    #[test]
    fn silence_makes_all_that_the_node_reports_unknown() {
        let now = at("2026-01-01T01:00:00Z");
        let conditions = silenced(&node("Ready=True Other=True", json!({})), &now).unwrap();
        let show = |c: &NodeCondition| {
            format!("{}={} {}", c.type_, c.status, c.reason.as_deref().unwrap_or_default())
        };
        let want = [
            "Ready=Unknown NodeStatusUnknown",
            "Other=True ",
            "MemoryPressure=Unknown NodeStatusNeverUpdated",
            "DiskPressure=Unknown NodeStatusNeverUpdated",
            "PIDPressure=Unknown NodeStatusNeverUpdated",
        ];
        assert_eq!(conditions.iter().map(show).collect::<Vec<_>>(), want);
        let all = "Ready=Unknown MemoryPressure=Unknown DiskPressure=Unknown PIDPressure=Unknown";
        assert_eq!(silenced(&node(all, json!({})), &now), None);
    }
}
