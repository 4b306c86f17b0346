//! The status of an autoscaler under way.

use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition, HorizontalPodAutoscalerStatus,
    MetricStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::limits::Verdict;

/// The status as it will be.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    before: Option<HorizontalPodAutoscalerStatus>,
    status: HorizontalPodAutoscalerStatus,
    generation: Option<i64>,
    now: Time,
}

impl Draft {
    pub(super) fn new(scaler: &HorizontalPodAutoscaler, now: Time) -> Self {
        let before = scaler.status.clone();
        let status = before.clone().unwrap_or_default();
        Self { before, status, generation: scaler.metadata.generation, now }
    }

    /// Sets a condition; its time is that of the last change of its status.
    pub(super) fn condition(
        &mut self,
        r#type: &str,
        holds: bool,
        reason: &str,
        message: impl Into<String>,
    ) {
        let status = if holds { "True" } else { "False" };
        let conditions = self.status.conditions.get_or_insert_default();
        let place = conditions.iter().position(|condition| condition.type_ == r#type);
        let place = place.unwrap_or_else(|| {
            conditions.push(HorizontalPodAutoscalerCondition {
                type_: r#type.into(),
                ..HorizontalPodAutoscalerCondition::default()
            });
            conditions.len() - 1
        });
        let condition = &mut conditions[place];
        if condition.status != status {
            condition.status = status.into();
            condition.last_transition_time = Some(self.now.clone());
        }
        condition.reason = Some(reason.into());
        condition.message = Some(message.into());
    }

    pub(super) fn verdict(&mut self, r#type: &str, verdict: &Verdict) {
        self.condition(r#type, verdict.holds, verdict.reason, verdict.message);
    }

    /// What was measured.
    pub(super) fn metrics(&mut self, metrics: Vec<MetricStatus>) {
        self.status.current_metrics = Some(metrics).filter(|metrics| !metrics.is_empty());
    }

    /// How many replicas there are, and how many there shall be where that is known.
    pub(super) fn replicas(&mut self, present: i32, wanted: Option<i32>) {
        self.status.current_replicas = Some(present);
        if let Some(wanted) = wanted {
            self.status.desired_replicas = wanted;
        }
    }

    /// Notes that the target was changed now.
    pub(super) fn scaled(&mut self) {
        self.status.last_scale_time = Some(self.now.clone());
    }

    /// The status to write; `None` where it says so already.
    pub(super) fn finish(mut self) -> Option<HorizontalPodAutoscalerStatus> {
        self.status.observed_generation = self.generation;
        (self.before.as_ref() != Some(&self.status)).then_some(self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::at;
    use serde_json::json;

    #[test]
    fn saying_the_same_again_is_nothing_to_write() {
        let mut scaler: HorizontalPodAutoscaler = serde_json::from_value(json!({
            "metadata": {"name": "h", "generation": 1},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}}))
        .unwrap();
        let draft = |scaler: &HorizontalPodAutoscaler, time: &str, holds: bool| {
            let mut draft = Draft::new(scaler, at(time));
            draft.condition("AbleToScale", holds, "R", "m");
            draft.replicas(1, Some(1));
            draft.finish()
        };
        let first = draft(&scaler, "2026-01-01T00:00:00Z", true).unwrap();
        scaler.status = Some(first.clone());
        assert_eq!(draft(&scaler, "2026-01-01T00:00:15Z", true), None);
        let turned = draft(&scaler, "2026-01-01T00:00:30Z", false).unwrap();
        let since = |status: &HorizontalPodAutoscalerStatus| {
            status.conditions.as_ref().unwrap()[0].last_transition_time.clone()
        };
        assert_ne!(since(&first), since(&turned));
    }
}
