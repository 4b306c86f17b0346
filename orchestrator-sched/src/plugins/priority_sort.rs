//! PrioritySort: the queue is ordered by priority, then by the time of queueing.

use std::cmp::Ordering;
use std::sync::Arc;

use orchestrator_core::scheduler::Waiting;

use crate::framework::{Plugin, Points, QueueSortPlugin};

/// Orders the queue by priority, then by time.
#[derive(Debug)]
pub struct PrioritySort;

impl Plugin for PrioritySort {
    fn name(&self) -> &'static str {
        "PrioritySort"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.queue_sort(self);
    }
}

impl QueueSortPlugin for PrioritySort {
    fn order(&self, a: &Waiting<'_>, b: &Waiting<'_>) -> Ordering {
        b.pod.priority.cmp(&a.pod.priority).then(a.since.cmp(&b.since))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::pod;
    use serde_json::json;

    #[test]
    fn priority_comes_before_age() {
        let (low, high) = (pod("a", json!({})), pod("b", json!({"priority": 9})));
        let at = |pod, second| Waiting { pod, since: Duration::from_secs(second) };
        assert_eq!(PrioritySort.order(&at(&low, 1), &at(&high, 2)), Ordering::Greater);
        assert_eq!(PrioritySort.order(&at(&low, 1), &at(&low, 2)), Ordering::Less);
    }
}
