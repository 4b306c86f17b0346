//! ServiceCIDR: a range that services get their addresses from.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::Fields;
use crate::format::addresses::{check_range, parse_range};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
/// One range per family.
const RANGES_MAX: usize = 2;

/// The rules of a ServiceCIDR.
#[derive(Debug)]
pub struct ServiceCidr;

impl Rules for ServiceCidr {
    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let (spec, path) = (new.sub("spec"), SPEC.child("cidrs"));
        let ranges = spec.list("cidrs");
        if ranges.is_empty() {
            errors.required(&path, "at least one CIDR required");
            return;
        }
        if ranges.len() > RANGES_MAX {
            let detail = "may only hold up to 2 values";
            errors.invalid(&path, spec.sub("cidrs"), detail);
        }
        for (i, range) in spec.texts("cidrs").enumerate() {
            check_range(range, &path.index(i), errors);
        }
        let families: Vec<_> =
            spec.texts("cidrs").filter_map(parse_range).map(|r| r.addr().is_ipv4()).collect();
        if families.len() == 2 && families[0] == families[1] {
            let detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and \
                 2001:db8::/64";
            errors.invalid(&path, spec.sub("cidrs"), detail);
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let (path, spec, was) = (SPEC.child("cidrs"), new.sub("spec"), old.sub("spec"));
        // A second family may be added; what is there stays.
        for (i, old) in was.texts("cidrs").enumerate() {
            let new = spec.texts("cidrs").nth(i).unwrap_or_default();
            if new != old {
                errors.invalid(&path.index(i), new, "field is immutable");
            }
        }
        for (i, range) in spec.texts("cidrs").enumerate().skip(was.list("cidrs").len()) {
            check_range(range, &path.index(i), errors);
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }

    fn has_generation(&self) -> bool {
        false
    }
}
