//! The shape that the rules of all kinds have, and what all kinds share.
//!
//! A kind states its [`Rules`]; [`Checked`] makes them a
//! [`Strategy`]: it adds the checks of metadata in the
//! order in which clients know them, and keeps writes of the status apart from those of the whole.

use orchestrator_core::field::FieldErrors;
use orchestrator_core::resource::{Change, Strategy, prepare_spec_and_status};
use orchestrator_core::{Json, Object, Status};

use crate::fields::Fields;
use crate::format::names::{NameRule, dns_subdomain};
use crate::meta;

/// The rules of one kind in one version. Metadata is checked elsewhere.
pub trait Rules: std::fmt::Debug + Send + Sync + 'static {
    /// The form of the names of objects.
    fn names(&self) -> NameRule {
        dns_subdomain
    }

    /// Fills in what the client left out.
    fn defaults(&self, _object: &mut Object) {}

    /// Brings an object into the state in which it may be stored.
    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
    }

    /// Checks a new object.
    fn validate(&self, _new: &Object, _change: Change<'_>, _errors: &mut FieldErrors) {}

    /// Checks a changed object, and the change.
    fn validate_update(
        &self,
        new: &Object,
        _old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.validate(new, change, errors);
    }

    /// Checks a change of the status.
    fn validate_status(
        &self,
        _new: &Object,
        _old: &Object,
        _change: Change<'_>,
        _errors: &mut FieldErrors,
    ) {
    }

    /// What is right but unwise.
    fn warnings(&self, _new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Turns an object of this version into the stored version.
    ///
    /// # Errors
    /// 400 where the object cannot be expressed there.
    fn to_storage(&self, _object: &mut Object) -> Result<(), Status> {
        Ok(())
    }

    /// Turns an object of the stored version into this version.
    ///
    /// # Errors
    /// 500 where the object cannot be expressed here.
    fn to_served(&self, _object: &mut Object) -> Result<(), Status> {
        Ok(())
    }

    /// How long a deletion waits when the request names no period.
    fn grace_period_seconds(&self, _object: &Object) -> Option<i64> {
        None
    }

    /// Whether a change checks the metadata as a creation does, once more: so it is for kinds
    /// whose change is checked as a whole.
    fn rechecks_metadata(&self) -> bool {
        true
    }

    /// Whether objects have names; questions that are only answered have none.
    fn has_name(&self) -> bool {
        true
    }

    /// Whether the server counts changes of the object in its generation.
    fn has_generation(&self) -> bool {
        true
    }

    /// What is written for a status that nobody has set; `None` for a kind without one.
    fn empty_status(&self) -> Option<Json> {
        None
    }

    /// Whether an update needs no resource version.
    fn unconditional_update(&self) -> bool {
        true
    }

    /// Whether an update of an object that is not there makes it.
    fn create_on_update(&self) -> bool {
        false
    }
}

/// A strategy made of the rules of a kind.
#[derive(Debug)]
pub struct Checked<R> {
    /// The rules.
    pub rules: R,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
}

impl<R: Rules> Strategy for Checked<R> {
    fn default(&self, object: &mut Object) {
        self.rules.defaults(object);
        if let Some(empty) = self.rules.empty_status() {
            fill_status(object, empty);
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        self.rules.prepare(new, old, change);
        if self.rules.has_generation() && old.is_none() {
            new.set_meta("generation", 1);
        }
        if old.is_none()
            && !new.has("status")
            && let Some(empty) = self.rules.empty_status()
        {
            new.set("status", empty);
        }
    }

    fn validate(&self, new: &Object, old: Option<&Object>, change: Change<'_>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let (rules, errors_) = (&self.rules, &mut errors);
        let Some(old) = old else {
            if rules.has_name() {
                meta::check(new, self.namespaced, rules.names(), errors_);
            }
            rules.validate(new, change, errors_);
            return errors;
        };
        meta::check_common_update(new, old, self.namespaced, errors_);
        meta::check_update(new, old, errors_);
        if change.subresource == "status" {
            rules.validate_status(new, old, change, errors_);
            return errors;
        }
        if rules.rechecks_metadata() {
            meta::check(new, self.namespaced, rules.names(), errors_);
        }
        rules.validate_update(new, old, change, errors_);
        errors
    }

    fn warnings(&self, new: &Object, old: Option<&Object>, change: Change<'_>) -> Vec<String> {
        self.rules.warnings(new, old, change)
    }

    fn to_storage(&self, object: &mut Object) -> Result<(), Status> {
        self.rules.to_storage(object)
    }

    fn to_served(&self, object: &mut Object) -> Result<(), Status> {
        self.rules.to_served(object)
    }

    fn grace_period_seconds(&self, object: &Object) -> Option<i64> {
        self.rules.grace_period_seconds(object)
    }

    fn unconditional_update(&self) -> bool {
        self.rules.unconditional_update()
    }

    fn create_on_update(&self) -> bool {
        self.rules.create_on_update()
    }
}

/// Writes what a status always says.
fn fill_status(object: &mut Object, empty: Json) {
    match (object.map_mut("status"), empty) {
        (status, Json::Object(empty)) => {
            for (name, value) in empty {
                status.entry(name).or_insert(value);
            }
        }
        (_, other) => object.set("status", other),
    }
}
