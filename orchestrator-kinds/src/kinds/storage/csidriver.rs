//! CSIDriver: a storage driver in the cluster.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::pod::check::check_option;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const TOKEN_MIN_S: i64 = 600;
const TOKEN_MAX_S: i64 = 1 << 32;
/// What cannot change, and what errors call it.
const FIXED: [(&str, &str); 2] =
    [("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")];

/// The rules of a CSIDriver.
#[derive(Debug)]
pub struct CsiDriver;

impl Rules for CsiDriver {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill("attachRequired", true);
        for off in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
            spec.fill(off, false);
        }
        spec.fill("fsGroupPolicy", "ReadWriteOnceWithFSType");
        if spec.list("volumeLifecycleModes").is_empty() {
            spec.insert("volumeLifecycleModes".into(), json!(["Persistent"]));
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        let path = SPEC.child("volumeLifecycleModes");
        for mode in spec.texts("volumeLifecycleModes") {
            if !matches!(mode, "Persistent" | "Ephemeral") {
                errors.unsupported(&path, mode, &["Persistent", "Ephemeral"]);
            }
        }
        const POLICIES: [&str; 3] = ["File", "None", "ReadWriteOnceWithFSType"];
        check_option(spec, "fsGroupPolicy", &POLICIES, &SPEC, errors);
        check_tokens(spec.list("tokenRequests"), errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let (spec, was) = (new.sub("spec"), old.sub("spec"));
        for (field, shown) in FIXED {
            if spec.sub(field) != was.sub(field) {
                errors.invalid(&SPEC.child(shown), spec.sub(field), "field is immutable");
            }
        }
        check_tokens(spec.list("tokenRequests"), errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        let spec = new.sub("spec");
        if !spec.list("tokenRequests").is_empty() && !spec.has("serviceAccountTokenInSecrets") {
            const UNSAFE: &str = "spec.serviceAccountTokenInSecrets is unset; if supported by this \
                CSI driver, set to true to prevent possible logging of tokens in volume attributes";
            return vec![UNSAFE.into()];
        }
        Vec::new()
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn check_tokens(requests: &[Json], errors: &mut FieldErrors) {
    let path = SPEC.child("tokenRequests");
    for (i, request) in requests.iter().enumerate() {
        let (path, audience) = (path.index(i), request.text("audience"));
        if requests[..i].iter().any(|earlier| earlier.text("audience") == audience) {
            errors.duplicate(&path.child("audience"), audience, "");
        }
        let Some(seconds) = request.int("expirationSeconds") else { continue };
        let path = path.child("expirationSeconds");
        if seconds < TOKEN_MIN_S {
            errors.invalid(&path, seconds, "may not specify a duration less than 10 minutes");
        }
        if seconds > TOKEN_MAX_S {
            errors.invalid(&path, seconds, "may not specify a duration larger than 2^32 seconds");
        }
    }
}
