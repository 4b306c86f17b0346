//! The pods of a Job: their indexes, and how they are made.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodTemplateSpec,
};
use orchestrator_client::KindExt;

use super::retries::{self, Failures};
use crate::workload::pods::from_template;

/// The finalizer that keeps a pod until it is counted.
pub(super) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// The label and annotation with a pod's index.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// The variable with a pod's index.
const INDEX_ENV: &str = "JOB_COMPLETION_INDEX";

/// Whether the pods of a Job have indexes.
pub(super) fn is_indexed(job: &Job) -> bool {
    let mode = job.spec.as_ref().and_then(|spec| spec.completion_mode.as_deref());
    mode == Some("Indexed")
}

/// The index of a pod.
pub(super) fn index(pod: &Pod) -> Option<i32> {
    pod.annotation(INDEX)?.parse().ok().filter(|index| *index >= 0)
}

/// Whether a pod waits to be counted.
pub(super) fn is_tracked(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == TRACKING)
}

/// A new pod of `job`, with an index where its pods have one, and with the failures of that index
/// where they are counted.
pub(super) fn make(job: &Job, index: Option<i32>, failures: Failures) -> Pod {
    let template: PodTemplateSpec =
        job.spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
    let mut pod = from_template(job, &template);
    pod.metadata.finalizers.get_or_insert_default().push(TRACKING.into());
    if let Some(index) = index {
        give_index(&mut pod, job.name(), index);
    }
    if retries::limit(job).is_some() {
        failures.annotate(&mut pod);
    }
    pod
}

fn give_index(pod: &mut Pod, job: &str, index: i32) {
    pod.metadata.generate_name = Some(format!("{job}-{index}-"));
    let text = index.to_string();
    pod.metadata.annotations.get_or_insert_default().insert(INDEX.into(), text.clone());
    pod.metadata.labels.get_or_insert_default().insert(INDEX.into(), text);
    let spec = pod.spec.get_or_insert_default();
    if spec.hostname.as_deref().unwrap_or_default().is_empty() {
        spec.hostname = Some(format!("{job}-{index}"));
    }
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        tell_index(container);
    }
}

fn tell_index(container: &mut Container) {
    let env = container.env.get_or_insert_default();
    if env.iter().any(|var| var.name == INDEX_ENV) {
        return;
    }
    let field = ObjectFieldSelector {
        api_version: None,
        field_path: format!("metadata.labels['{INDEX}']"),
    };
    let source = EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() };
    env.push(EnvVar { name: INDEX_ENV.into(), value: None, value_from: Some(source) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_indexed_pod_knows_its_index_by_name_label_and_variable() {
        let job = json!({"metadata": {"namespace": "n", "name": "i", "uid": "u"}, "spec": {"template":
            {"metadata": {"labels": {"job-name": "i"}}, "spec": {"containers": [{"name": "c"}]}}}});
        let job: Job = serde_json::from_value(job).unwrap();
        let pod = make(&job, Some(2), Failures::default());
        assert_eq!(pod.metadata.generate_name.as_deref(), Some("i-2-"));
        assert_eq!((index(&pod), is_tracked(&pod)), (Some(2), true));
        let spec = pod.spec.unwrap();
        assert_eq!(spec.hostname.as_deref(), Some("i-2"));
        let path = spec.containers[0].env.as_ref().unwrap()[0].value_from.clone().unwrap();
        let path = path.field_ref.unwrap().field_path;
        assert_eq!(path, "metadata.labels['batch.kubernetes.io/job-completion-index']");
        let plain = make(&job, None, Failures::default());
        assert_eq!(plain.metadata.generate_name.as_deref(), Some("i-"));
        assert_eq!(index(&plain), None);
    }
}
