//! How far a rolling update may go above and below the wanted number of pods.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::workload::scaled::{Round, scaled};

/// The numbers of a Deployment's spec, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// How many pods are wanted.
    pub replicas: i32,
    /// How many more there may be during an update.
    pub surge: i32,
    /// How many fewer may be available during an update.
    pub unavailable: i32,
    /// Whether old and new pods may run beside each other.
    pub rolling: bool,
}

impl Limits {
    /// The limits of a Deployment; both of a rolling update cannot be zero, or it would not move.
    pub(super) fn of(deployment: &Deployment) -> Self {
        let spec = deployment.spec.clone().unwrap_or_default();
        let replicas = spec.replicas.unwrap_or(1).max(0);
        if !is_rolling(&spec) {
            return Self { replicas, surge: 0, unavailable: 0, rolling: false };
        }
        let rolling = spec.strategy.unwrap_or_default().rolling_update.unwrap_or_default();
        let quarter = || IntOrString::String("25%".into());
        let surge = rolling.max_surge.unwrap_or_else(quarter);
        let unavailable = rolling.max_unavailable.unwrap_or_else(quarter);
        let surge = scaled(&surge, replicas, Round::Up).unwrap_or(0).max(0);
        let unavailable = scaled(&unavailable, replicas, Round::Down).unwrap_or(0).max(0);
        let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
        Self { replicas, surge, unavailable: unavailable.min(replicas), rolling: true }
    }

    /// How many pods there may be in all.
    pub(super) fn max_total(self) -> i32 {
        self.replicas.saturating_add(self.surge)
    }

    /// How many pods must be available.
    pub(super) fn min_available(self) -> i32 {
        self.replicas - self.unavailable
    }
}

fn is_rolling(spec: &DeploymentSpec) -> bool {
    let strategy = spec.strategy.as_ref().and_then(|strategy| strategy.type_.as_deref());
    strategy.unwrap_or("RollingUpdate") == "RollingUpdate"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn percentages_are_of_the_replicas_and_never_both_zero() {
        let cases = [
            (10, json!({}), 3, 2),
            (1, json!({}), 1, 0),
            (10, json!({"maxSurge": 0, "maxUnavailable": 0}), 0, 1),
            (10, json!({"maxSurge": "0%", "maxUnavailable": "1%"}), 0, 1),
            (2, json!({"maxSurge": 0, "maxUnavailable": 5}), 0, 2),
            (0, json!({"maxSurge": 1, "maxUnavailable": 1}), 1, 0),
        ];
        for (replicas, rolling, surge, unavailable) in cases {
            let deployment = serde_json::from_value(json!({"metadata": {}, "spec": {
                "replicas": replicas, "selector": {}, "template": {},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}}))
            .unwrap();
            let want = Limits { replicas, surge, unavailable, rolling: true };
            assert_eq!(Limits::of(&deployment), want);
        }
    }
}
