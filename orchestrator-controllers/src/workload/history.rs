//! The history of a template as ControllerRevisions.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use orchestrator_client::{Api, DeleteOptions, INDEX_OWNER, Informer, Kind, KindExt};
use orchestrator_core::{Json, Status};
use serde_json::json;

use super::claim::claim;
use super::hash::template_hash;
use super::pods::{INDEX_ORPHAN, orphan_namespace};
use crate::deps::ControllerDeps;

/// The label of pods and revisions with the hash of their template.
pub(crate) const HASH_LABEL: &str = "controller-revision-hash";

/// Keeps the revisions of workloads.
#[derive(Clone, Debug)]
pub(crate) struct History {
    revisions: Informer<ControllerRevision>,
    api: Api<ControllerRevision>,
}

/// The revisions of one workload, oldest first; the last one is the present template's.
#[derive(Clone, Debug)]
pub(crate) struct Revisions {
    pub all: Vec<Arc<ControllerRevision>>,
    pub present: Arc<ControllerRevision>,
}

/// A workload as its history sees it.
pub(crate) struct Versioned<'a, K> {
    pub owner: &'a K,
    pub selector: &'a LabelSelector,
    pub template: &'a PodTemplateSpec,
    pub collisions: Option<i32>,
}

impl History {
    pub(crate) fn new(deps: &ControllerDeps) -> Self {
        let revisions = deps.informers.of::<ControllerRevision>();
        revisions.add_index(INDEX_ORPHAN, orphan_namespace);
        Self { revisions, api: deps.client().api() }
    }

    /// The revisions of a workload, with one for its present template.
    pub(crate) async fn of<K: Kind>(
        &self,
        workload: &Versioned<'_, K>,
    ) -> Result<Revisions, Status> {
        let Versioned { owner, selector, .. } = *workload;
        let mut candidates = self.revisions.by_index(INDEX_OWNER, owner.uid());
        candidates.extend(self.revisions.by_index(INDEX_ORPHAN, owner.namespace()));
        let mut all = claim(self.api.client(), owner, selector, candidates, None).await?;
        all.sort_by_key(|revision| (revision.revision, revision.metadata.name.clone()));
        let number = all.last().map_or(0, |newest| newest.revision) + 1;
        let wanted = make(workload, number);
        let equal = |revision: &Arc<ControllerRevision>| revision.data == wanted.data;
        let present = match all.iter().rposition(equal) {
            Some(place) if place + 1 == all.len() => Arc::clone(&all[place]),
            // A template that comes back is the newest again.
            Some(place) => {
                let mut renewed = ControllerRevision::clone(&all.remove(place));
                renewed.revision = number;
                let renewed = self.api.update(&renewed).await?;
                all.push(Arc::clone(&renewed));
                renewed
            }
            None => {
                let made = self.api.create(&wanted).await?;
                all.push(Arc::clone(&made));
                made
            }
        };
        Ok(Revisions { all, present })
    }

    /// Deletes the oldest revisions beyond `limit` that no pod has.
    pub(crate) async fn truncate(
        &self,
        revisions: &Revisions,
        limit: Option<i32>,
        in_use: impl Fn(&ControllerRevision) -> bool,
    ) -> Result<(), Status> {
        let limit = usize::try_from(limit.unwrap_or(10)).unwrap_or(0);
        let old = revisions
            .all
            .iter()
            .filter(|revision| revision.uid() != revisions.present.uid() && !in_use(revision));
        let old: Vec<_> = old.collect();
        for revision in &old[..old.len().saturating_sub(limit)] {
            let options = DeleteOptions::uid(revision.uid());
            match self.api.delete(&revision.key(), &options).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The template that a revision holds.
pub(crate) fn template(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let template = revision.data.as_ref()?.0.get("spec")?.get("template")?;
    serde_json::from_value(template.clone().into()).ok()
}

/// The hash of a revision's template.
pub(crate) fn hash(revision: &ControllerRevision) -> &str {
    revision.label(HASH_LABEL).unwrap_or_default()
}

/// The revision of a workload's present template.
fn make<K: Kind>(workload: &Versioned<'_, K>, revision: i64) -> ControllerRevision {
    let Versioned { owner, template, collisions, .. } = workload;
    let hash = template_hash(template, *collisions);
    let mut labels = template.metadata.as_ref().and_then(|m| m.labels.clone()).unwrap_or_default();
    labels.insert(HASH_LABEL.into(), hash.clone());
    ControllerRevision {
        metadata: ObjectMeta {
            namespace: owner.metadata().namespace.clone(),
            name: Some(format!("{}-{hash}", owner.name())),
            labels: Some(labels),
            owner_references: Some(vec![owner.controller_reference()]),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(patch(template).into())),
        revision,
    }
}

/// The patch that brings the template back, as `kubectl rollout undo` sends it.
fn patch(template: &PodTemplateSpec) -> Json {
    let mut template = json!(template);
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::DaemonSet;

    #[test]
    fn a_revision_brings_its_template_back() {
        let owner = json!({"metadata": {"namespace": "n", "name": "d", "uid": "u"}});
        let owner: DaemonSet = serde_json::from_value(owner).unwrap();
        let given: PodTemplateSpec = serde_json::from_value(
            json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c"}]}}),
        )
        .unwrap();
        let selector = LabelSelector::default();
        let workload =
            Versioned { owner: &owner, selector: &selector, template: &given, collisions: None };
        let revision = make(&workload, 3);
        assert_eq!(template(&revision), Some(given));
        assert_eq!(revision.name(), format!("d-{}", hash(&revision)));
        assert_eq!((revision.revision, revision.label("app")), (3, Some("x")));
        assert_eq!(revision.data.unwrap().0["spec"]["template"]["$patch"], "replace");
    }
}
