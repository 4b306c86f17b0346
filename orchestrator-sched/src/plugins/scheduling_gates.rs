//! SchedulingGates: a pod waits until all of its gates are removed.

use std::sync::Arc;

use orchestrator_core::scheduler::PodInfo;

use crate::framework::{GatePlugin, Plugin, Points};

/// Holds pods back that have scheduling gates.
#[derive(Debug)]
pub struct SchedulingGates;

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        "SchedulingGates"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.gate(self);
    }
}

impl GatePlugin for SchedulingGates {
    fn gate(&self, pod: &PodInfo) -> Option<String> {
        let gates = pod.spec()?.scheduling_gates.as_ref()?;
        let names: Vec<_> = gates.iter().map(|gate| gate.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("waiting for scheduling gates: [{}]", names.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;
    use serde_json::json;

    #[test]
    fn a_pod_waits_while_it_has_gates() {
        let gated = pod("p", json!({"schedulingGates": [{"name": "a"}, {"name": "b"}]}));
        let words = "waiting for scheduling gates: [a b]";
        assert_eq!(SchedulingGates.gate(&gated).as_deref(), Some(words));
        assert_eq!(SchedulingGates.gate(&pod("p", json!({"schedulingGates": []}))), None);
    }
}
