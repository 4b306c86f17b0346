//! The annotations of ReplicaSets: revisions, and the sizes that the Deployment had in mind.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use orchestrator_client::KindExt;

use super::limits::Limits;

/// The revision of a template.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// The revisions that the same template had before, with commas.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The Deployment's replicas when it last scaled the set.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The same with the surge.
const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// What a set does not take over from its Deployment, besides the above.
const NOT_COPIED: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "deprecated.deployment.rollback.to"];
/// How long the list of former revisions may grow, in bytes; the oldest are left out then.
const HISTORY_LIMIT: usize = 2000;

type Annotations = BTreeMap<String, String>;

/// The revision of an object; 0 where it has none.
pub(super) fn revision(set: &ReplicaSet) -> i64 {
    set.annotation(REVISION).and_then(|revision| revision.parse().ok()).unwrap_or(0)
}

/// The revision after the newest of the old sets.
pub(super) fn next_revision(old: &[Arc<ReplicaSet>]) -> i64 {
    old.iter().map(|set| revision(set)).max().unwrap_or(0).saturating_add(1)
}

/// The Deployment's replicas when it last scaled the set.
pub(super) fn desired(set: &ReplicaSet) -> Option<i32> {
    set.annotation(DESIRED)?.parse().ok()
}

/// The Deployment's replicas with the surge when it last scaled the set.
pub(super) fn max(set: &ReplicaSet) -> Option<i32> {
    set.annotation(MAX)?.parse().ok()
}

/// Gives the new set the Deployment's annotations and the revision; a template that comes back
/// takes a new revision and remembers its former one.
pub(super) fn annotate_new(set: &mut ReplicaSet, deployment: &Deployment, revision: i64) {
    let annotations = set.metadata.annotations.get_or_insert_default();
    for (key, value) in deployment.metadata.annotations.iter().flatten() {
        let ours = [REVISION, HISTORY, DESIRED, MAX].contains(&key.as_str());
        if !ours && !NOT_COPIED.contains(&key.as_str()) {
            annotations.insert(key.clone(), value.clone());
        }
    }
    let before: Option<i64> = annotations.get(REVISION).and_then(|before| before.parse().ok());
    if before.is_none_or(|before| before < revision) {
        annotations.insert(REVISION.into(), revision.to_string());
        if let Some(before) = before {
            remember(annotations, before);
        }
    }
}

fn remember(annotations: &mut Annotations, before: i64) {
    let before = before.to_string();
    let history = annotations.get(HISTORY).cloned().unwrap_or_default();
    let mut revisions: Vec<&str> = history.split(',').filter(|part| !part.is_empty()).collect();
    revisions.push(&before);
    while revisions.len() > 1 && revisions.join(",").len() > HISTORY_LIMIT {
        revisions.remove(0);
    }
    let joined = revisions.join(",");
    annotations.insert(HISTORY.into(), joined);
}

/// Notes the sizes that the Deployment has in mind.
pub(super) fn annotate_size(set: &mut ReplicaSet, limits: Limits) {
    let annotations = set.metadata.annotations.get_or_insert_default();
    annotations.insert(DESIRED.into(), limits.replicas.to_string());
    annotations.insert(MAX.into(), limits.max_total().to_string());
}

#[cfg(test)]
mod tests {
    use super::super::tests::{deployment, set};
    use super::*;

    #[test]
    fn a_template_that_comes_back_takes_a_new_revision_and_remembers_the_former() {
        let mut deployment = deployment(3);
        let copied = [("a", "1"), (REVISION, "9"), (NOT_COPIED[0], "{}")];
        let copied = copied.map(|(key, value)| (key.to_owned(), value.to_owned()));
        deployment.metadata.annotations = Some(copied.into());
        let mut set = ReplicaSet::clone(&set("s", 0));
        annotate_new(&mut set, &deployment, 1);
        annotate_new(&mut set, &deployment, 1);
        let text = |set: &ReplicaSet| set.metadata.annotations.clone().unwrap();
        assert_eq!(
            text(&set).into_iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
            ["a=1", "deployment.kubernetes.io/revision=1"]
        );
        annotate_new(&mut set, &deployment, 3);
        annotate_new(&mut set, &deployment, 7);
        assert_eq!(text(&set)[HISTORY], "1,3");
        assert_eq!((revision(&set), next_revision(&[Arc::new(set)])), (7, 8));
    }
}
