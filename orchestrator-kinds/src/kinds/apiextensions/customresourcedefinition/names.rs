//! The names of a kind that is made at run time.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;

use crate::fields::{Fields, Fill};
use crate::format::names::dns1035_label;
use crate::report::Report;

/// Derives names from the kind.
pub(super) fn fill(names: &mut Map) {
    let kind = names.text("kind").to_owned();
    if kind.is_empty() {
        return;
    }
    names.fill_text("singular", &kind.to_lowercase());
    names.fill_text("listKind", &format!("{kind}List"));
}

/// Checks that the names at `path` are all there.
pub(super) fn check_required(names: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for field in ["plural", "singular", "kind", "listKind"] {
        if names.text(field).is_empty() {
            errors.required(&path.child(field), "");
        }
    }
}

/// Checks the names at `path` that are there.
pub(super) fn check(names: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for field in ["plural", "singular"] {
        check_word(names.text(field), "", &path.child(field), errors);
    }
    for field in ["kind", "listKind"] {
        let mixed = "may have mixed case, but should otherwise match: ";
        check_word(names.text(field), mixed, &path.child(field), errors);
    }
    for list in ["shortNames", "categories"] {
        let at = path.child(list);
        for (i, word) in names.texts(list).enumerate() {
            check_word(word, "", &at.index(i), errors);
        }
    }
    let kind = names.text("kind");
    if !kind.is_empty() && kind == names.text("listKind") {
        let detail = "kind and listKind may not be the same";
        errors.invalid(&path.child("listKind"), kind, detail);
    }
}

/// Checks a word; with `mixed`, case does not matter.
fn check_word(word: &str, mixed: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if word.is_empty() {
        return;
    }
    let faults = match mixed.is_empty() {
        true => dns1035_label(word),
        false => dns1035_label(&word.to_lowercase()),
    };
    if !faults.is_empty() {
        errors.invalid(path, word, format!("{mixed}{}", faults.join(",")));
    }
}
