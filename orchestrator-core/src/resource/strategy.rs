//! What happens to an object on its way to the store.

use std::fmt;

use crate::env::Env;
use crate::field::FieldErrors;
use crate::object::Object;
use crate::{Status, Verb};

/// What a write is about, beside the objects themselves.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// `status` and the like; empty for the object as a whole.
    pub subresource: &'a str,
    /// What the request does.
    pub verb: Verb,
    /// Clock, uids and randomness.
    pub env: &'a Env,
    /// The cluster's own addresses.
    pub network: &'a Network,
}

/// The cluster's own addresses, which defaulting and validation know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The addresses of services, in CIDR form.
    pub service_cidr: String,
    /// The addresses of pods, in CIDR form.
    pub pod_cidr: String,
    /// The first and the last node port.
    pub node_ports: (u16, u16),
}

impl Default for Network {
    /// Loopback ranges, so that everything is local without root; node ports 30000 to 32767.
    fn default() -> Self {
        Self {
            service_cidr: "127.96.0.0/12".into(),
            pod_cidr: "127.64.0.0/12".into(),
            node_ports: (30000, 32767),
        }
    }
}

/// What happens to an object of a kind on its way to the store.
///
/// # Contract
/// - All methods are pure: they look at their arguments only.
/// - The server calls, in this order: [`default`](Self::default), admission,
///   [`prepare`](Self::prepare), [`validate`](Self::validate). What all kinds share (name,
///   namespace, uid, timestamps, generation of a new object, managed fields) is the server's.
/// - Objects come in the version of the definition that the strategy belongs to.
pub trait Strategy: fmt::Debug + Send + Sync + 'static {
    /// Fills in what the client left out; runs on every decoded body and patched object.
    fn default(&self, _object: &mut Object) {}

    /// Brings a new object into the state in which it may be stored: on create (`old` is `None`)
    /// the status is dropped; on update what this path may not change is taken from `old`, and
    /// the generation is bumped where the spec changed.
    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
    }

    /// All that is wrong with an object; on update, with the step from `old` to `new` too.
    fn validate(&self, _new: &Object, _old: Option<&Object>, _change: Change<'_>) -> FieldErrors {
        FieldErrors::new()
    }

    /// What is right but unwise, for the `Warning` headers.
    fn warnings(&self, _new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Turns an object of this version into the kind's storage version.
    ///
    /// # Errors
    /// 400 where the object cannot be expressed there.
    fn to_storage(&self, _object: &mut Object) -> Result<(), Status> {
        Ok(())
    }

    /// Turns an object of the kind's storage version into this version.
    ///
    /// # Errors
    /// 500 where the object cannot be expressed here.
    fn to_served(&self, _object: &mut Object) -> Result<(), Status> {
        Ok(())
    }

    /// How long a deletion of the object waits when the request names no period; `None` for a
    /// kind that is deleted at once.
    fn grace_period_seconds(&self, _object: &Object) -> Option<i64> {
        None
    }

    /// Whether an update may leave out the resource version it is based on.
    fn unconditional_update(&self) -> bool {
        true
    }

    /// Whether an update of an object that is not there creates it.
    fn create_on_update(&self) -> bool {
        false
    }
}

/// The rule for kinds with `spec` and `status`: a write of the whole leaves the status alone, a
/// write of the status leaves everything else alone, a changed spec bumps the generation.
pub fn prepare_spec_and_status(new: &mut Object, old: Option<&Object>, subresource: &str) {
    let Some(old) = old else {
        new.remove("status");
        return;
    };
    if subresource == "status" {
        keep_all_but_status(new, old);
        return;
    }
    match old.get("status") {
        Some(status) => new.set("status", status.clone()),
        None => drop(new.remove("status")),
    }
    let same = |name: &str| new.get(name) == old.get(name);
    let changed = new.as_map().keys().chain(old.as_map().keys()).any(|name| {
        !matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "status") && !same(name)
    });
    if old.generation() > 0 {
        new.set_meta("generation", old.generation() + i64::from(changed));
    }
}

/// Takes from `old` all but the status (and the managed fields, which the server updates).
fn keep_all_but_status(new: &mut Object, old: &Object) {
    let status = new.remove("status");
    let managed = new.meta("managedFields").cloned().unwrap_or_default();
    let mut kept = old.clone();
    kept.set_meta("managedFields", managed);
    match status {
        Some(status) => kept.set("status", status),
        None => drop(kept.remove("status")),
    }
    *new = kept;
}

/// A kind without defaults and rules of its own, with `spec` and `status`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainStrategy;

impl Strategy for PlainStrategy {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Json;

    fn object(json: Json) -> Object {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_write_of_the_whole_leaves_the_status_alone_and_counts_changes_of_the_spec() {
        let old = object(json!({"metadata": {"generation": 1}, "spec": 1, "status": 1}));
        let mut new = object(json!({"metadata": {"labels": {"a": "b"}}, "spec": 1, "status": 2}));
        prepare_spec_and_status(&mut new, Some(&old), "");
        assert_eq!((new.generation(), new.get("status")), (1, Some(&json!(1))));
        new.set("spec", 2);
        prepare_spec_and_status(&mut new, Some(&old), "");
        assert_eq!(new.generation(), 2);
    }

    #[test]
    fn a_write_of_the_status_leaves_the_rest_alone() {
        let old = object(json!({"metadata": {"name": "a"}, "spec": 1, "status": 1}));
        let mut new = object(json!({"metadata": {"name": "b"}, "spec": 2, "status": 2}));
        prepare_spec_and_status(&mut new, Some(&old), "status");
        assert_eq!(new.into_json(), json!({"metadata": {"name": "a"}, "spec": 1, "status": 2}));
    }
}
