//! Adding up what the objects of one quota take.

use orchestrator_core::quantity::Format;
use orchestrator_core::quota::{Amounts, covers, usage};
use orchestrator_core::{GroupResource, Object, Quantity};

/// A sum under way.
#[derive(Debug)]
pub(super) struct Count<'q> {
    quota: &'q Object,
    /// One amount for each word of the quota.
    used: Amounts,
}

impl<'q> Count<'q> {
    /// Nothing yet, in the words of `hard`.
    pub(super) fn new(quota: &'q Object, hard: &Amounts) -> Self {
        let zero = |(word, limit): (&String, &Quantity)| {
            let format = if limit.is_zero() { Format::DecimalSi } else { limit.format() };
            (word.clone(), Quantity::new(0, format))
        };
        Self { quota, used: hard.iter().map(zero).collect() }
    }

    /// Adds an object, where the quota counts it.
    pub(super) fn add(&mut self, resource: &GroupResource, object: &Object) {
        if !covers(self.quota, object) {
            return;
        }
        for (word, amount) in usage(resource, object) {
            if let Some(used) = self.used.get_mut(&word) {
                *used += amount;
            }
        }
    }

    /// The sum.
    pub(super) fn finish(self) -> Amounts {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use orchestrator_core::quota::amounts;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_quota_names_and_covers_is_counted() {
        let quota: Object = serde_json::from_value(json!({"spec": {
            "hard": {"pods": "5", "requests.cpu": "4", "memory": "1Gi"},
            "scopes": ["NotTerminating"]}}))
        .unwrap();
        let pod = |spec| serde_json::from_value(json!({"kind": "Pod", "spec": spec})).unwrap();
        let asks = json!({"containers": [{"resources": {"requests": {"cpu": "500m"}}}]});
        let mut ends = asks.clone();
        ends["activeDeadlineSeconds"] = 5.into();
        let mut count = Count::new(&quota, &amounts(quota.at(&["spec", "hard"])));
        let pods = GroupResource::new("", "pods");
        for spec in [asks.clone(), asks, ends] {
            count.add(&pods, &pod(spec));
        }
        let told: Vec<String> = count.finish().iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(told, ["memory=0", "pods=2", "requests.cpu=1"]);
    }
}
