//! DynamicResources: pods that ask for devices by claim wait, as nothing here allocates devices.

use std::sync::Arc;

use orchestrator_core::scheduler::{ClusterEvent, PodInfo};

use crate::framework::{
    Acts, BuiltIn, Cycle, FailedAttempt, Filter, FilterPlugin, How, Plugin, Points,
    PostFilterPlugin, Reads, Refusal, Remedy,
};

const REASON: &str = "cannot allocate all claims";

/// What upstream says of a pod that was rejected as a whole before devices were looked at.
const NOT_LOOKED_AT: &str = "not found";

/// What a remedy for devices would be; said of every pod, as part of the known message.
const NO_REMEDY: &str = "no new claims to deallocate";

/// Refuses pods with resource claims.
#[derive(Debug)]
pub struct DynamicResources;

impl Plugin for DynamicResources {
    fn name(&self) -> &'static str {
        "DynamicResources"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).post_filter(self);
    }
}

impl FilterPlugin for DynamicResources {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let claims = cycle.pod.spec().and_then(|spec| spec.resource_claims.as_ref());
        match claims.is_some_and(|claims| !claims.is_empty()) {
            true => Filter::each(|_| Err(Refusal::unresolvable(REASON))),
            false => Filter::Skip,
        }
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Object)
    }

    fn helped_by(&self, _: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        matches!(event, ClusterEvent::Updated { .. })
    }
}

impl PostFilterPlugin for DynamicResources {
    fn post_filter(&self, attempt: &FailedAttempt<'_>) -> Remedy {
        match attempt.refusals {
            [] => Remedy::Stop(NOT_LOOKED_AT.into()),
            _ => Remedy::None(NO_REMEDY.into()),
        }
    }

    fn acts(&self) -> Acts {
        Acts(How::Says(NO_REMEDY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, passing, pod};
    use serde_json::json;

    #[test]
    fn a_pod_with_claims_waits() {
        let nodes = [node("a", json!({}))];
        let claims = json!({"resourceClaims": [{"name": "gpu", "resourceClaimName": "c"}]});
        assert!(passing(&DynamicResources, &pod("p", claims), &nodes).is_empty());
        assert_eq!(passing(&DynamicResources, &pod("p", json!({})), &nodes), ["a"]);
    }
}
