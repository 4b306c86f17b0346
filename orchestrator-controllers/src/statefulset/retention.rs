//! What becomes of the claims of a StatefulSet: whose they are says with what they go.
//!
//! A claim that shall go with the set is the set's; one that shall go when its pod is scaled
//! away becomes that pod's before the pod is deleted. All others are nobody's.

use k8s_openapi::Resource as _;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use orchestrator_client::KindExt;

/// With what claims go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    with_set: bool,
    with_pod: bool,
}

impl Policy {
    pub(super) fn of(set: &StatefulSet) -> Self {
        let spec = set.spec.as_ref();
        let policy = spec.and_then(|spec| spec.persistent_volume_claim_retention_policy.as_ref());
        let deletes = |word: Option<&String>| word.is_some_and(|word| word == "Delete");
        Self {
            with_set: deletes(policy.and_then(|policy| policy.when_deleted.as_ref())),
            with_pod: deletes(policy.and_then(|policy| policy.when_scaled.as_ref())),
        }
    }

    /// The owners that the claim of `pod` shall have; `None` where it has them. `surplus` says
    /// that the pod is to be scaled away.
    pub(super) fn owners(
        self,
        set: &StatefulSet,
        pod: &Pod,
        claim: &PersistentVolumeClaim,
        surplus: bool,
    ) -> Option<Vec<OwnerReference>> {
        let before = claim.metadata.owner_references.clone().unwrap_or_default();
        let mut owners = before.clone();
        let ours = |owner: &OwnerReference| {
            let of_set = owner.kind == StatefulSet::KIND && owner.name == set.name();
            let of_pod = owner.kind == Pod::KIND && owner.name == pod.name();
            of_set || of_pod
        };
        if before.iter().any(|owner| owner.controller == Some(true) && !ours(owner)) {
            // Somebody else is in charge of it.
            return None;
        }
        owners.retain(|owner| !ours(owner));
        if surplus && self.with_pod {
            owners.push(pod.controller_reference());
        } else if self.with_set {
            owners.push(set.controller_reference());
        }
        (owners != before).then_some(owners)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::set;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_belongs_to_whatever_it_goes_with() {
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "s-1", "uid": "p"}})).unwrap();
        let owners = |deleted: &str, scaled: &str, surplus: bool| {
            let set = set(json!({"persistentVolumeClaimRetentionPolicy":
                {"whenDeleted": deleted, "whenScaled": scaled}}));
            let policy = Policy::of(&set);
            let mut claim = PersistentVolumeClaim::default();
            if let Some(owners) = policy.owners(&set, &pod, &claim, surplus) {
                claim.metadata.owner_references = Some(owners);
            }
            assert_eq!(policy.owners(&set, &pod, &claim, surplus), None, "twice");
            let owners = claim.metadata.owner_references.unwrap_or_default();
            owners.iter().map(|owner| owner.kind.clone()).collect::<String>()
        };
        assert_eq!(owners("Retain", "Retain", true), "");
        assert_eq!(owners("Delete", "Retain", true), "StatefulSet");
        assert_eq!(owners("Retain", "Delete", true), "Pod");
        assert_eq!(owners("Retain", "Delete", false), "");
        assert_eq!(owners("Delete", "Delete", false), "StatefulSet");
        assert_eq!(owners("Delete", "Delete", true), "Pod");
    }

    #[test]
    fn a_change_of_policy_takes_claims_back_and_leaves_those_of_others() {
        let pod: Pod =
            serde_json::from_value(json!({"metadata": {"name": "s-1", "uid": "p"}})).unwrap();
        let set = set(json!({}));
        let policy = Policy::of(&set);
        let mut claim = PersistentVolumeClaim::default();
        claim.metadata.owner_references = Some(vec![set.controller_reference()]);
        assert_eq!(policy.owners(&set, &pod, &claim, false), Some(Vec::new()));
        let other = OwnerReference { controller: Some(true), ..OwnerReference::default() };
        claim.metadata.owner_references = Some(vec![other]);
        assert_eq!(policy.owners(&set, &pod, &claim, false), None);
    }
}
