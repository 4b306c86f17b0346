//! Applying: merging what a manager wants into the live object.

use super::claim::claim;
use super::compare::Difference;
use super::managed::{self, Entry, Operation};
use super::manager::{FieldManager, Write, new_entry, strip};
use super::merge::merge;
use super::prune::prune;
use super::validate::validate;
use super::{ApplyError, Conflict, fields, last_applied};
use crate::Json;
use crate::object::Object;

/// Owns all fields of an object that was never applied to, when it is for the first time.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// The result of an apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The new object, its managed fields included.
    pub object: Object,
    /// Whether anything but the managed fields differs from the live object.
    pub changed: bool,
}

impl FieldManager<'_> {
    /// Applies a configuration: what `write.manager` wants of the object.
    ///
    /// `live` is the object before, `None` if the apply creates it. Fields of other managers are
    /// taken over only with `force`. The result still has to be decoded, defaulted and validated
    /// as any other object.
    ///
    /// # Errors
    /// [`Conflict`](ApplyError::Conflict) names the fields that others own; the other variants
    /// say what is wrong with the request.
    pub fn apply(
        &self,
        live: Option<&Object>,
        applied: &Object,
        write: &Write<'_>,
        force: bool,
    ) -> Result<Applied, ApplyError> {
        self.check(applied, write)?;
        match self.try_apply(live, applied, write, force) {
            Err(ApplyError::Conflict(conflicts)) if write.manager == last_applied::KUBECTL => {
                self.retry_for_kubectl(live, applied, write, conflicts)
            }
            other => other,
        }
    }

    fn check(&self, applied: &Object, write: &Write<'_>) -> Result<(), ApplyError> {
        let (api_version, kind) = (applied.api_version(), applied.kind());
        let known = self.definition.kinds.iter().any(|known| known.kind == kind);
        if api_version != write.api_version || !known {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            let message = format!("invalid object type: {group}/{version}, Kind={kind}");
            return Err(ApplyError::Request(message));
        }
        let empty = |list: &Json| list.is_null() || list.as_array().is_some_and(Vec::is_empty);
        if managed::list(applied).is_some_and(|list| !empty(list)) {
            return Err(ApplyError::Request("metadata.managedFields must be nil".into()));
        }
        let errors = validate(self.place(), applied.as_map());
        let errors = match errors.as_slice() {
            [] => return Ok(()),
            [error] => error.clone(),
            errors => format!("errors:\n  {}", errors.join("\n  ")),
        };
        let version =
            if api_version.contains('/') { api_version.into() } else { format!("/{api_version}") };
        let (namespace, name) = (applied.namespace(), applied.name());
        let object = format!("{namespace}/{name}; {version}, Kind={kind}");
        Err(ApplyError::Schema { object, errors })
    }

    fn try_apply(
        &self,
        live: Option<&Object>,
        applied: &Object,
        write: &Write<'_>,
        force: bool,
    ) -> Result<Applied, ApplyError> {
        let (before, mut entries) = self.before(live, applied, write)?;
        let claimed = self.without_reset(claim(self.place(), applied.as_map()));
        let mut own = new_entry(write, Operation::Apply, claimed);
        let known = entries.iter().position(|entry| entry.is_same_manager(&own));
        let last = known.map(|index| entries.swap_remove(index));
        own.time = last.as_ref().and_then(|last| last.time.clone());
        let last = last.map(|last| last.fields).unwrap_or_default();

        let mut object = merge(self.place(), before.as_map(), applied.as_map());
        let mut dropped = last.clone();
        fields::subtract(&mut dropped, &own.fields);
        entries.push(own);
        if !dropped.is_empty() {
            object = prune(self.place(), object, &last, &entries);
        }
        let mut own = entries.pop().expect("pushed above");
        let mut object = Object::from(object);

        let difference = self.difference(&before, &object);
        take_over(&mut entries, &difference, force)?;
        let changed = live.is_none() || before != object;
        if changed {
            own.time = Some(write.now.to_owned());
        }
        strip(&mut own.fields);
        if !own.fields.is_empty() {
            entries.push(own);
        }
        managed::store(&mut object, entries);
        if write.manager == last_applied::KUBECTL {
            last_applied::update(&mut object, applied);
        }
        Ok(Applied { object, changed })
    }

    /// The live object without its managers, and the managers.
    fn before(
        &self,
        live: Option<&Object>,
        applied: &Object,
        write: &Write<'_>,
    ) -> Result<(Object, Vec<Entry>), ApplyError> {
        let Some(live) = live else {
            let mut before = Object::default();
            before.set("apiVersion", applied.api_version());
            before.set("kind", applied.kind());
            return Ok((before, Vec::new()));
        };
        let mut before = live.clone();
        let list = managed::take(&mut before).unwrap_or_default();
        let mut entries = managed::decode(list).map_err(ApplyError::ManagedFields)?;
        if entries.is_empty() {
            let first = Write { manager: BEFORE_FIRST_APPLY, ..*write };
            self.track(&mut entries, None, &before, &first);
        }
        Ok((before, entries))
    }

    /// Lets kubectl take over what it wrote by client-side apply.
    fn retry_for_kubectl(
        &self,
        live: Option<&Object>,
        applied: &Object,
        write: &Write<'_>,
        mut conflicts: Vec<Conflict>,
    ) -> Result<Applied, ApplyError> {
        let claimed = live.and_then(|live| last_applied::claimed(self.place(), live));
        let Some(claimed) = claimed else { return Err(ApplyError::Conflict(conflicts)) };
        let claimed = fields::paths(&claimed);
        conflicts.retain(|conflict| !claimed.contains(&conflict.field));
        if conflicts.is_empty() {
            self.try_apply(live, applied, write, true)
        } else {
            Err(ApplyError::Conflict(conflicts))
        }
    }
}

/// Takes the fields that an apply changes from their owners, or says who owns them.
fn take_over(
    entries: &mut Vec<Entry>,
    difference: &Difference,
    force: bool,
) -> Result<(), ApplyError> {
    let changed = difference.changed();
    let mut conflicts = Vec::new();
    for entry in entries.iter_mut() {
        let conflict = fields::intersection(&entry.fields, &changed);
        if !conflict.is_empty() && !force {
            let manager = entry.show();
            let found = fields::paths(&conflict).into_iter();
            conflicts.push((
                manager.clone(),
                found.map(|field| (manager.clone(), field)).collect::<Vec<_>>(),
            ));
        }
        fields::subtract(&mut entry.fields, &conflict);
        fields::subtract(&mut entry.fields, &difference.removed);
    }
    if !conflicts.is_empty() {
        conflicts.sort_by(|a, b| a.0.cmp(&b.0));
        let conflicts = conflicts.into_iter().flat_map(|(_, found)| found);
        let conflicts = conflicts.map(|(manager, field)| Conflict { manager, field }).collect();
        return Err(ApplyError::Conflict(conflicts));
    }
    entries.retain(|entry| !entry.fields.is_empty());
    Ok(())
}
