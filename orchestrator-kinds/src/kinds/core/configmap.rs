//! ConfigMap: texts and bytes under keys.

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use crate::fields::Fields;
use crate::format::names::config_key;
use crate::report::Report;
use crate::rules::Rules;

/// The most that all values together may hold, in bytes.
pub const DATA_MAX: usize = 1024 * 1024;

const FROZEN: &str = "field is immutable when `immutable` is set";

/// The rules of a ConfigMap.
#[derive(Debug)]
pub struct ConfigMap;

impl Rules for ConfigMap {
    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let (data, binary) = (Path::new("data"), Path::new("binaryData"));
        let mut size = 0;
        for (key, value) in new.entries("data") {
            let path = data.key(key);
            errors.faults(&path, key, config_key(key));
            if new.sub("binaryData").has(key) {
                errors.invalid(&path, key, "duplicate of key present in binaryData");
            }
            size += value.as_str().map_or(0, str::len);
        }
        for (key, value) in new.entries("binaryData") {
            errors.faults(&binary.key(key), key, config_key(key));
            size += decoded_len(value.as_str().unwrap_or_default());
        }
        if size > DATA_MAX {
            // The sum belongs to no field, which clients know as an empty name.
            errors.too_long(&Path::ROOT.key(""), DATA_MAX);
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_frozen(new, old, &["data", "binaryData"], errors);
        self.validate(new, change, errors);
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// How many bytes a text in base64 stands for.
pub(super) fn decoded_len(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count();
    (base64.len() / 4 * 3).saturating_sub(padding)
}

/// An object that is marked as immutable stays so, and so do its `fields`.
pub(super) fn check_frozen(
    new: &Object,
    old: &Object,
    fields: &[&'static str],
    errors: &mut FieldErrors,
) {
    if !old.flag("immutable") {
        return;
    }
    if !new.flag("immutable") {
        errors.forbidden(&Path::new("immutable"), FROZEN);
    }
    for field in fields {
        if new.sub(field) != old.sub(field) {
            errors.forbidden(&Path::new(field), FROZEN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decoded_len;

    #[test]
    fn the_length_of_bytes_is_known_without_decoding() {
        for (text, wanted) in [("", 0), ("AA==", 1), ("AAE=", 2), ("AAEC", 3)] {
            assert_eq!(decoded_len(text), wanted);
        }
    }
}
