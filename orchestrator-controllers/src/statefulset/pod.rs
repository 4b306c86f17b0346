//! The pods of a StatefulSet: their names, their identity, their claims.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume,
};
use orchestrator_client::KindExt;

use crate::workload::history::HASH_LABEL;
use crate::workload::pods::from_template;

/// The label with the name of a pod, by which a service can select one.
const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
/// The label with the ordinal of a pod.
const INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// The ordinal of a pod, where it is one of `set`'s.
pub(super) fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let (parent, ordinal) = pod.name().rsplit_once('-')?;
    let ordinal = ordinal.parse().ok().filter(|ordinal: &i32| *ordinal >= 0)?;
    (parent == set.name()).then_some(ordinal)
}

/// The pod with an ordinal, of the revision that is named and holds `template`.
pub(super) fn make(
    set: &StatefulSet,
    ordinal: i32,
    revision: &str,
    template: &PodTemplateSpec,
) -> Pod {
    let name = format!("{}-{ordinal}", set.name());
    let mut pod = from_template(set, template);
    pod.metadata.generate_name = None;
    pod.metadata.name = Some(name.clone());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(NAME_LABEL.into(), name.clone());
    labels.insert(INDEX_LABEL.into(), ordinal.to_string());
    labels.insert(HASH_LABEL.into(), revision.into());
    let service = set.spec.as_ref().and_then(|spec| spec.service_name.clone());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name);
    spec.subdomain = service.filter(|service| !service.is_empty());
    let claims = claims(set, ordinal);
    let volumes = spec.volumes.get_or_insert_default();
    for (template, claim) in &claims {
        volumes.retain(|volume| volume.name != *template);
        volumes.push(Volume {
            name: template.clone(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim.name().into(),
                read_only: None,
            }),
            ..Volume::default()
        });
    }
    if volumes.is_empty() {
        spec.volumes = None;
    }
    pod
}

/// The claims of the pod with an ordinal, each with the name of its template.
pub(super) fn claims(set: &StatefulSet, ordinal: i32) -> Vec<(String, PersistentVolumeClaim)> {
    let spec = set.spec.as_ref();
    let templates = spec.and_then(|spec| spec.volume_claim_templates.as_deref());
    let selector = spec.and_then(|spec| spec.selector.match_labels.clone()).unwrap_or_default();
    let claim = |template: &PersistentVolumeClaim| {
        let mut claim = template.clone();
        claim.status = None;
        claim.metadata.namespace.clone_from(&set.metadata.namespace);
        claim.metadata.name = Some(format!("{}-{}-{ordinal}", template.name(), set.name()));
        claim.metadata.labels.get_or_insert_default().extend(selector.clone());
        (template.name().to_owned(), claim)
    };
    templates.unwrap_or_default().iter().map(claim).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::set;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_has_a_name_labels_and_claims_of_its_own() {
        let set = set(json!({"serviceName": "svc",
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}));
        let template = set.spec.as_ref().unwrap().template.clone();
        let pod = make(&set, 2, "s-hash", &template);
        assert_eq!((pod.name(), ordinal(&set, &pod)), ("s-2", Some(2)));
        assert_eq!(pod.label(NAME_LABEL), Some("s-2"));
        assert_eq!(pod.label(INDEX_LABEL), Some("2"));
        let spec = pod.spec.unwrap();
        assert_eq!(
            (spec.hostname.as_deref(), spec.subdomain.as_deref()),
            (Some("s-2"), Some("svc"))
        );
        let volume = &spec.volumes.unwrap()[0];
        let claim = volume.persistent_volume_claim.as_ref().unwrap();
        assert_eq!((volume.name.as_str(), claim.claim_name.as_str()), ("data", "data-s-2"));
        let made = &claims(&set, 2)[0].1;
        assert_eq!((made.name(), made.label("app")), ("data-s-2", Some("s")));
    }
}
