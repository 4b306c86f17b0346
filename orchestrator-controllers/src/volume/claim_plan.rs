//! What is to be done about a claim.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use orchestrator_client::KindExt;

use super::matching::{best, mismatch};
use super::words::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, SELECTED_NODE, claim_class, claim_ref, has_no_class,
    names_claim, volume_name, waits_for_consumer,
};

/// What a claim is decided by.
#[derive(Debug)]
pub(super) struct ClaimView<'a> {
    pub claim: &'a PersistentVolumeClaim,
    /// All volumes.
    pub volumes: &'a [Arc<PersistentVolume>],
    /// The claim's class, where there is one of that name.
    pub class: Option<&'a StorageClass>,
    /// The cluster's default class, for claims that leave it open.
    pub default_class: Option<&'a str>,
}

/// What is to be done about a claim.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ClaimStep {
    /// Bind it to this volume, or finish doing so.
    Bind(Arc<PersistentVolume>),
    /// Give it the cluster's class, which came to be after it.
    SetClass(String),
    /// Have a volume made by its class.
    Provision,
    /// It waits, for what the event says, if anything.
    Wait(Option<Note>),
    /// Its volume is lost, for this reason and with these words.
    Lost(&'static str, &'static str),
    /// The claim says that it has a volume that is another one's.
    Conflict(String),
}

/// An event's type, reason and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub warning: bool,
    pub reason: &'static str,
    pub message: String,
}

/// What is to be done about the claim of `view`.
pub(super) fn plan(view: &ClaimView<'_>) -> ClaimStep {
    if view.claim.annotation(BIND_COMPLETED).is_some() {
        return bound(view);
    }
    match volume_name(view.claim) {
        "" => unbound(view),
        name => asked_for(view, name),
    }
}

/// A claim that any volume will do for.
fn unbound(view: &ClaimView<'_>) -> ClaimStep {
    let ClaimView { claim, volumes, class, default_class } = view;
    let waits = class.is_some_and(waits_for_consumer);
    if let Some(volume) = best(claim, volumes, waits) {
        return ClaimStep::Bind(volume);
    }
    if has_no_class(claim)
        && let Some(name) = default_class
    {
        return ClaimStep::SetClass((*name).to_owned());
    }
    if waits && claim.annotation(SELECTED_NODE).is_none() {
        return ClaimStep::Wait(Some(Note {
            warning: false,
            reason: "WaitForFirstConsumer",
            message: "waiting for first consumer to be created before binding".into(),
        }));
    }
    if !claim_class(claim).is_empty() {
        return ClaimStep::Provision;
    }
    ClaimStep::Wait(Some(Note {
        warning: false,
        reason: "FailedBinding",
        message: "no persistent volumes available for this claim and no storage class is set"
            .into(),
    }))
}

/// A claim that names its volume.
fn asked_for(view: &ClaimView<'_>, name: &str) -> ClaimStep {
    let claim = view.claim;
    let Some(volume) = view.volumes.iter().find(|volume| volume.name() == name) else {
        return ClaimStep::Wait(None);
    };
    let Some(reference) = claim_ref(volume) else {
        return match mismatch(volume, claim) {
            None => ClaimStep::Bind(Arc::clone(volume)),
            Some(why) => ClaimStep::Wait(Some(Note {
                warning: true,
                reason: "VolumeMismatch",
                message: format!("Cannot bind to requested volume \"{name}\": {why}"),
            })),
        };
    };
    if names_claim(volume, claim) {
        return ClaimStep::Bind(Arc::clone(volume));
    }
    if claim.annotation(BOUND_BY_CONTROLLER).is_none() {
        // Somebody asked for what another one has; that one may give it back.
        return ClaimStep::Wait(None);
    }
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    ClaimStep::Conflict(format!(
        "invalid binding of claim {:?} to volume {name:?}: volume already claimed by {:?}",
        claim.key().to_string(),
        format!("{}/{}", text(&reference.namespace), text(&reference.name)),
    ))
}

/// A claim that has had its volume.
fn bound(view: &ClaimView<'_>) -> ClaimStep {
    let claim = view.claim;
    let name = volume_name(claim);
    if name.is_empty() {
        return ClaimStep::Lost(
            "ClaimLost",
            "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
        );
    }
    let Some(volume) = view.volumes.iter().find(|volume| volume.name() == name) else {
        return ClaimStep::Lost(
            "ClaimLost",
            "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
        );
    };
    match claim_ref(volume) {
        None => ClaimStep::Bind(Arc::clone(volume)),
        Some(reference) if reference.uid.as_deref() == Some(claim.uid()) => {
            ClaimStep::Bind(Arc::clone(volume))
        }
        Some(_) => ClaimStep::Lost(
            "ClaimMisbound",
            "Two claims are bound to the same volume, this one is bound incorrectly",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::matching::tests::{claim, volume};
    use super::*;
    use serde_json::{Value, json};

    fn told(step: ClaimStep) -> String {
        match step {
            ClaimStep::Bind(volume) => format!("bind {}", volume.name()),
            ClaimStep::SetClass(name) => format!("class {name}"),
            ClaimStep::Provision => "provision".into(),
            ClaimStep::Wait(note) => note.map_or("wait".into(), |note| note.reason.into()),
            ClaimStep::Lost(reason, _) => reason.into(),
            ClaimStep::Conflict(_) => "conflict".into(),
        }
    }

    fn decide(more: Value, volumes: &[Arc<PersistentVolume>], class: Option<Value>) -> String {
        let class: Option<StorageClass> = class.map(|class| serde_json::from_value(class).unwrap());
        let claim = claim(1, more);
        let view = ClaimView {
            claim: &claim,
            volumes,
            class: class.as_ref(),
            default_class: Some("standard"),
        };
        told(plan(&view))
    }

    #[test]
    fn a_claim_is_bound_provisioned_or_waits() {
        let free = [volume("v", 1, json!({}))];
        let class = |mode: &str| {
            Some(json!({"metadata": {"name": "s"}, "provisioner": "p", "volumeBindingMode": mode}))
        };
        let node = json!({"metadata": {"annotations": {SELECTED_NODE: "n1"}}});
        let cases = [
            (json!({}), &free[..], class("Immediate"), "bind v"),
            (json!({}), &[], class("Immediate"), "provision"),
            (json!({}), &[], None, "provision"),
            (json!({}), &free, class("WaitForFirstConsumer"), "WaitForFirstConsumer"),
            (node, &free, class("WaitForFirstConsumer"), "provision"),
            (json!({"spec": {"storageClassName": null}}), &free, None, "class standard"),
            (json!({"spec": {"storageClassName": ""}}), &free, None, "FailedBinding"),
        ];
        for (more, volumes, class, want) in cases {
            assert_eq!(decide(more.clone(), volumes, class), want, "{more}");
        }
    }

    #[test]
    fn a_claim_that_names_its_volume_gets_no_other() {
        let of =
            |uid: &str| json!({"spec": {"claimRef": {"namespace": "n", "name": "c", "uid": uid}}});
        let asks = json!({"spec": {"volumeName": "v"}});
        let ours = json!({"spec": {"volumeName": "v"},
            "metadata": {"annotations": {BOUND_BY_CONTROLLER: "yes"}}});
        let cases = [
            (asks.clone(), vec![volume("w", 1, json!({}))], "wait"),
            (asks.clone(), vec![volume("v", 1, json!({}))], "bind v"),
            (
                asks.clone(),
                vec![volume("v", 1, json!({"spec": {"storageClassName": "t"}}))],
                "VolumeMismatch",
            ),
            (asks.clone(), vec![volume("v", 1, of("uid-c"))], "bind v"),
            (asks, vec![volume("v", 1, of("x"))], "wait"),
            (ours, vec![volume("v", 1, of("x"))], "conflict"),
        ];
        for (more, volumes, want) in cases {
            assert_eq!(decide(more.clone(), &volumes, None), want, "{more}");
        }
    }

    #[test]
    fn a_bound_claim_keeps_its_volume_or_is_lost() {
        let done = |name: &str| {
            json!({"spec": {"volumeName": name},
                "metadata": {"annotations": {BIND_COMPLETED: "yes"}}})
        };
        let of = |uid: &str| json!({"spec": {"claimRef": {"uid": uid}}});
        let cases = [
            (done(""), vec![], "ClaimLost"),
            (done("v"), vec![], "ClaimLost"),
            (done("v"), vec![volume("v", 1, json!({}))], "bind v"),
            (done("v"), vec![volume("v", 1, of("uid-c"))], "bind v"),
            (done("v"), vec![volume("v", 1, of("x"))], "ClaimMisbound"),
        ];
        for (more, volumes, want) in cases {
            assert_eq!(decide(more.clone(), &volumes, None), want, "{more}");
        }
    }
}
