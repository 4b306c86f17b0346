//! The ReplicaSets of a Deployment: which is the new one, which are old.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use orchestrator_client::KindExt;

use crate::workload::hash::template_hash;

/// The label that tells the pods of one template from those of another.
pub(super) const HASH_LABEL: &str = "pod-template-hash";

/// The ReplicaSets of one Deployment.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    /// The one with the Deployment's template.
    pub new: Option<Arc<ReplicaSet>>,
    /// The others, oldest first.
    pub old: Vec<Arc<ReplicaSet>>,
}

impl Sets {
    /// Sorts `all` into new and old; of several with the template the oldest is the new one.
    pub(super) fn of(deployment: &Deployment, mut all: Vec<Arc<ReplicaSet>>) -> Self {
        sort_oldest_first(&mut all);
        let wanted = template(deployment);
        let equal = |set: &Arc<ReplicaSet>| is_template(set, &wanted);
        let new = all.iter().position(equal).map(|index| all.remove(index));
        Self { new, old: all }
    }

    /// All, the new one last.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.old.iter().chain(&self.new)
    }

    /// The old ones that are to have pods, oldest first.
    pub(super) fn active_old(&self) -> impl Iterator<Item = &Arc<ReplicaSet>> {
        self.old.iter().filter(|set| replicas(set) > 0)
    }

    /// How many pods all sets are to have.
    pub(super) fn total(&self) -> i32 {
        self.all().map(|set| replicas(set)).sum()
    }

    /// How many pods of all sets are available.
    pub(super) fn available(&self) -> i32 {
        self.all().map(|set| available(set)).sum()
    }
}

fn sort_oldest_first(sets: &mut [Arc<ReplicaSet>]) {
    sets.sort_by(|a, b| {
        let age = |set: &ReplicaSet| set.metadata.creation_timestamp.clone();
        age(a).cmp(&age(b)).then_with(|| a.name().cmp(b.name()))
    });
}

/// How many pods a set is to have.
pub(super) fn replicas(set: &ReplicaSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// How many pods of a set are available.
pub(super) fn available(set: &ReplicaSet) -> i32 {
    set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
}

/// The template of a Deployment.
fn template(deployment: &Deployment) -> PodTemplateSpec {
    deployment.spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default()
}

/// Whether a set was made from `wanted`, which is a template without a hash.
pub(super) fn is_template(set: &ReplicaSet, wanted: &PodTemplateSpec) -> bool {
    let given = set.spec.as_ref().and_then(|spec| spec.template.clone()).unwrap_or_default();
    normal(given) == normal(wanted.clone())
}

/// A template without the hash, and without the difference between no labels and none given.
fn normal(mut template: PodTemplateSpec) -> PodTemplateSpec {
    let metadata = template.metadata.get_or_insert_default();
    metadata.creation_timestamp = None;
    let labels = metadata.labels.get_or_insert_default();
    labels.remove(HASH_LABEL);
    metadata.annotations.get_or_insert_default();
    template
}

/// The ReplicaSet for the Deployment's template; size and annotations are the caller's.
pub(super) fn make(deployment: &Deployment) -> ReplicaSet {
    let collisions = deployment.status.as_ref().and_then(|status| status.collision_count);
    let spec = deployment.spec.clone().unwrap_or_default();
    let mut template = spec.template;
    let hash = template_hash(&normal(template.clone()), collisions);
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert(HASH_LABEL.into(), hash.clone());
    let labels = labels.clone();
    let mut match_labels = spec.selector.match_labels.unwrap_or_default();
    match_labels.insert(HASH_LABEL.into(), hash.clone());
    ReplicaSet {
        metadata: ObjectMeta {
            namespace: deployment.metadata.namespace.clone(),
            name: Some(format!("{}-{hash}", deployment.name())),
            labels: Some(labels),
            owner_references: Some(vec![deployment.controller_reference()]),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            replicas: Some(0),
            min_ready_seconds: spec.min_ready_seconds,
            selector: LabelSelector {
                match_labels: Some(match_labels),
                match_expressions: spec.selector.match_expressions,
            },
            template: Some(template),
        }),
        status: None,
    }
}

/// Whether `found` is what `make` would have made for the Deployment.
pub(super) fn is_own(deployment: &Deployment, found: &ReplicaSet) -> bool {
    let ours = found.controller().is_some_and(|owner| owner.uid == deployment.uid());
    ours && is_template(found, &template(deployment))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{deployment, set};
    use super::*;

    #[test]
    fn the_set_with_the_template_is_the_new_one_whatever_its_hash() {
        let deployment = deployment(3);
        let mut made = make(&deployment);
        made.metadata.creation_timestamp = set("x", 0).metadata.creation_timestamp.clone();
        assert!(made.name().starts_with("web-"));
        assert!(is_own(&deployment, &made));
        let sets = Sets::of(&deployment, vec![set("other", 1), Arc::new(made.clone())]);
        assert_eq!(sets.new.unwrap().name(), made.name());
        assert_eq!(sets.old[0].name(), "other");
    }

    #[test]
    fn a_collision_gives_another_name() {
        let mut deployment = deployment(3);
        let first = make(&deployment);
        deployment.status.get_or_insert_default().collision_count = Some(1);
        assert_ne!(make(&deployment).name(), first.name());
        let labels = first.spec.unwrap().selector.match_labels.unwrap();
        assert_eq!(labels.keys().collect::<Vec<_>>(), ["app", HASH_LABEL]);
    }
}
