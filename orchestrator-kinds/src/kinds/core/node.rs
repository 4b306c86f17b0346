//! Node: a machine that runs pods.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::addresses::check_range;
use crate::format::labels::{check_label_name, label_value};
use crate::meta::METADATA;
use crate::pod::check::check_taint_effect;
use crate::pod::defaults::round_amounts;
use crate::pod::resources::check_amount;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const INFO: [&str; 10] = [
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
];

/// The rules of a Node.
#[derive(Debug)]
pub struct Node;

impl Rules for Node {
    fn defaults(&self, object: &mut Object) {
        fill_ranges(object.map_mut("spec"));
        fill_status(object.map_mut("status"));
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        // A node that registers itself brings its status along.
        if old.is_some() {
            prepare_spec_and_status(new, old, change.subresource);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let ranges = SPEC.child("podCIDRs");
        for (i, range) in new.sub("spec").texts("podCIDRs").enumerate() {
            check_range(range, &ranges.index(i), errors);
        }
        check_taints(new.sub("spec").list("taints"), errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        if change.subresource.is_empty() {
            self.validate(new, change, errors);
        }
        check_fixed(new.sub("spec"), old.sub("spec"), errors);
        check_status(new.sub("status"), errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_status(new.sub("status"), errors);
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// The first range has a field of its own.
fn fill_ranges(spec: &mut Map) {
    let first = spec.texts("podCIDRs").next().map(str::to_owned);
    match (first, spec.text("podCIDR")) {
        (Some(first), _) => drop(spec.insert("podCIDR".into(), first.into())),
        (None, "") => {}
        (None, range) => {
            let ranges = json!([range]);
            spec.insert("podCIDRs".into(), ranges);
        }
    }
}

fn fill_status(status: &mut Map) {
    for list in ["capacity", "allocatable"] {
        if let Some(amounts) = status.map_at(list) {
            round_amounts(amounts);
        }
    }
    if let Some(capacity) = status.get_set("capacity").cloned() {
        status.fill("allocatable", capacity);
    }
    for condition in status.maps_of("conditions") {
        condition.fill("lastHeartbeatTime", Json::Null);
        condition.fill("lastTransitionTime", Json::Null);
    }
    status.map_made("daemonEndpoints").map_made("kubeletEndpoint").fill("Port", 0);
    let info = status.map_made("nodeInfo");
    INFO.iter().for_each(|field| info.fill(field, ""));
}

/// Checks the taints of a node. They were annotations once: errors name them as such.
fn check_taints(taints: &[Json], errors: &mut FieldErrors) {
    let path = METADATA.child("taints");
    for (i, taint) in taints.iter().enumerate() {
        let path = path.index(i);
        let (key, value) = (taint.text("key"), taint.text("value"));
        check_label_name(key, &path.child("key"), errors);
        let faults = label_value(value);
        if !faults.is_empty() {
            errors.invalid(&path.child("value"), value, faults.join(";"));
        }
        check_taint_effect(taint.text("effect"), &path.child("effect"), errors);
        let same =
            |other: &Json| (other.text("key"), other.text("effect")) == (key, taint.text("effect"));
        if taints[..i].iter().any(same) {
            let shown = format!(
                "{{\"Key\":{:?},\"Value\":{:?},\"Effect\":{:?},\"TimeAdded\":{}}}",
                key,
                value,
                taint.text("effect"),
                taint.sub("timeAdded")
            );
            const DETAIL: &str = "taints must be unique by key and effect pair";
            errors.duplicate(&path, Verbatim(shown), DETAIL);
        }
    }
}

/// Checks what may be set once only.
fn check_fixed(new: &Json, old: &Json, errors: &mut FieldErrors) {
    if !old.list("podCIDRs").is_empty() && new.sub("podCIDRs") != old.sub("podCIDRs") {
        const DETAIL: &str = "node updates may not change podCIDR except from \"\" to valid";
        errors.forbidden(&SPEC.child("podCIDRs"), DETAIL);
    }
    let was = old.text("providerID");
    if !was.is_empty() && new.text("providerID") != was {
        const DETAIL: &str = "node updates may not change providerID except from \"\" to valid";
        errors.forbidden(&SPEC.child("providerID"), DETAIL);
    }
}

fn check_status(status: &Json, errors: &mut FieldErrors) {
    let path = Path::new("status");
    let addresses = status.list("addresses");
    for (i, address) in addresses.iter().enumerate() {
        if addresses[..i].contains(address) {
            let shown = format!(
                "{{\"Type\":{:?},\"Address\":{:?}}}",
                address.text("type"),
                address.text("address")
            );
            errors.duplicate(&path.child("addresses").index(i), Verbatim(shown), "");
        }
    }
    for list in ["capacity", "allocatable"] {
        let path = path.child(list);
        for (name, value) in status.entries(list) {
            check_amount(name, value, &path.child(name), errors);
        }
    }
}
