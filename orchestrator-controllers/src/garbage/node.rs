//! An object as garbage collection sees it: who owns it, and how it is being deleted.

use orchestrator_core::object::Map;
use orchestrator_core::resource::split_api_version;
use orchestrator_core::{Json, Object};

/// The finalizer of an object whose dependents are to go first.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an object whose dependents are to stay.
pub(super) const ORPHAN: &str = "orphan";

/// An object as garbage collection sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub uid: String,
    pub owners: Vec<Owner>,
    pub deleting: bool,
    pub foreground: bool,
    pub orphan: bool,
}

/// A reference to an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: String,
    /// Whether an owner in foreground deletion waits for the object.
    pub blocks: bool,
}

impl Owner {
    fn of(reference: &Map) -> Self {
        let text = |field: &str| reference.get(field).and_then(Json::as_str).unwrap_or_default();
        Self {
            api_version: text("apiVersion").into(),
            kind: text("kind").into(),
            name: text("name").into(),
            uid: text("uid").into(),
            blocks: reference.get("blockOwnerDeletion").and_then(Json::as_bool) == Some(true),
        }
    }

    /// The group of the owner's kind.
    pub(super) fn group(&self) -> &str {
        split_api_version(&self.api_version).0
    }
}

impl Node {
    /// The object as garbage collection sees it.
    pub(super) fn of(object: &Object) -> Self {
        let finalized = |name: &str| object.finalizers().any(|finalizer| finalizer == name);
        Self {
            uid: object.uid().into(),
            owners: object.owner_references().map(Owner::of).collect(),
            deleting: object.deletion_timestamp().is_some(),
            foreground: finalized(FOREGROUND),
            orphan: finalized(ORPHAN),
        }
    }

    /// Whether the object is only there until its dependents are gone.
    pub(super) fn waits_for_dependents(&self) -> bool {
        self.deleting && self.foreground
    }

    /// Whether the owner `uid` waits for this object.
    pub(super) fn blocks(&self, uid: &str) -> bool {
        self.owners.iter().any(|owner| owner.uid == uid && owner.blocks)
    }
}

/// What is known of one owner of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnerState {
    /// It is there and stays, or is not being deleted in the foreground.
    Solid,
    /// It is gone, or another object has its name.
    Dangling,
    /// It waits for its dependents to go.
    Waiting,
}

/// What to do about an object with owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Somebody needs it.
    Keep,
    /// Somebody needs it, but the owners with these uids do not count any more.
    Disown(Vec<String>),
    /// Nobody needs it: delete it with this policy.
    Delete(&'static str),
}

/// Decides about `node`, whose owners are in `states`.
pub(super) fn decide(node: &Node, states: &[OwnerState], has_dependents: bool) -> Verdict {
    let has = |state| states.contains(&state);
    if has(OwnerState::Solid) {
        let gone = node.owners.iter().zip(states).filter(|(_, state)| **state != OwnerState::Solid);
        let uids: Vec<_> = gone.map(|(owner, _)| owner.uid.clone()).collect();
        return if uids.is_empty() { Verdict::Keep } else { Verdict::Disown(uids) };
    }
    if node.owners.is_empty() {
        return Verdict::Keep;
    }
    // An owner that waits wants to see this object's own dependents gone too.
    if has(OwnerState::Waiting) && has_dependents {
        return Verdict::Delete("Foreground");
    }
    Verdict::Delete(match (node.orphan, node.foreground) {
        (true, _) => "Orphan",
        (_, true) => "Foreground",
        _ => "Background",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(finalizers: &[&str], owners: usize) -> Node {
        let owner = |index: usize| {
            json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "name": "o", "uid": format!("o{index}"), "blockOwnerDeletion": index == 0})
        };
        let object = json!({"metadata": {"uid": "u", "finalizers": finalizers,
            "ownerReferences": (0..owners).map(owner).collect::<Vec<_>>()}});
        Node::of(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn an_object_goes_when_no_owner_is_solid() {
        use OwnerState::{Dangling, Solid, Waiting};
        let disown = |uid: &str| Verdict::Disown(vec![uid.to_owned()]);
        let cases = [
            (vec![], &[][..], false, Verdict::Keep),
            (vec![], &[Solid], false, Verdict::Keep),
            (vec![], &[Solid, Dangling], false, disown("o1")),
            (vec![], &[Waiting, Solid], false, disown("o0")),
            (vec![], &[Dangling], true, Verdict::Delete("Background")),
            (vec![], &[Waiting], false, Verdict::Delete("Background")),
            (vec![], &[Waiting], true, Verdict::Delete("Foreground")),
            (vec![ORPHAN], &[Dangling], true, Verdict::Delete("Orphan")),
            (vec![FOREGROUND], &[Dangling, Dangling], true, Verdict::Delete("Foreground")),
        ];
        for (finalizers, states, dependents, want) in cases {
            let node = node(&finalizers, states.len());
            assert_eq!(decide(&node, states, dependents), want, "{finalizers:?} {states:?}");
        }
    }

    #[test]
    fn references_are_read_with_their_group_and_whether_they_block() {
        let node = node(&[], 2);
        assert_eq!((node.owners[0].group(), node.owners[0].blocks), ("apps", true));
        assert!(node.blocks("o0") && !node.blocks("o1") && !node.blocks("x"));
    }
}
