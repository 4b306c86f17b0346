//! Dependents: the finalizers by which a deletion says what becomes of what the object owns.

use orchestrator_core::object::Object;
use orchestrator_core::request::Options;

/// The finalizer that lets dependents go on without their owner.
const ORPHAN: &str = "orphan";

/// The finalizer that deletes dependents before their owner.
const FOREGROUND: &str = "foregroundDeletion";

/// What becomes of dependents when neither the deletion nor the object says anything about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dependents {
    /// There are none.
    None,
    /// They are deleted after their owner.
    Deleted,
    /// They stay.
    Orphaned,
}

/// The finalizers that the object shall have under these options; `None` where it has them.
pub(crate) fn finalizers(
    object: &Object,
    options: &Options,
    dependents: Dependents,
) -> Option<Vec<String>> {
    if dependents == Dependents::None {
        return None;
    }
    let has = |name: &str| object.finalizers().any(|finalizer| finalizer == name);
    let orphan = should_orphan(object, options, dependents);
    let foreground = should_delete_first(object, options);
    if has(ORPHAN) == orphan && has(FOREGROUND) == foreground {
        return None;
    }
    let others = object.finalizers().filter(|name| !matches!(*name, ORPHAN | FOREGROUND));
    let mut all: Vec<String> = others.map(str::to_owned).collect();
    all.extend(orphan.then(|| ORPHAN.to_owned()));
    all.extend(foreground.then(|| FOREGROUND.to_owned()));
    Some(all)
}

fn should_orphan(object: &Object, options: &Options, dependents: Dependents) -> bool {
    match (options.orphan_dependents, options.propagation_policy.as_str()) {
        (Some(orphan), _) => orphan,
        (None, "") => match first_policy(object) {
            Some(policy) => policy == ORPHAN,
            None => dependents == Dependents::Orphaned,
        },
        (None, policy) => policy == "Orphan",
    }
}

fn should_delete_first(object: &Object, options: &Options) -> bool {
    match (options.orphan_dependents, options.propagation_policy.as_str()) {
        (Some(_), _) => false,
        (None, "") => first_policy(object) == Some(FOREGROUND),
        (None, policy) => policy == "Foreground",
    }
}

/// The policy that the object's own finalizers state.
fn first_policy(object: &Object) -> Option<&str> {
    object.finalizers().find(|name| matches!(*name, ORPHAN | FOREGROUND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(held: &[&str], policy: &str, orphan: Option<bool>, wanted: Option<&[&str]>) {
        let object: Object =
            serde_json::from_value(json!({"metadata": {"finalizers": held}})).unwrap();
        let options = Options {
            propagation_policy: policy.into(),
            orphan_dependents: orphan,
            ..Options::default()
        };
        let wanted = wanted.map(|all| all.iter().map(|name| (*name).to_owned()).collect());
        let made = finalizers(&object, &options, Dependents::Deleted);
        assert_eq!(made, wanted, "{held:?} {policy} {orphan:?}");
    }

    #[test]
    fn the_options_override_what_the_object_says() {
        check(&[], "", None, None);
        check(&[], "Background", None, None);
        check(&[], "Orphan", None, Some(&["orphan"]));
        check(&["a/b"], "Foreground", None, Some(&["a/b", "foregroundDeletion"]));
        check(&[], "", Some(true), Some(&["orphan"]));
        check(&["orphan"], "", Some(false), Some(&[]));
        check(&["orphan"], "", None, None);
        check(&["foregroundDeletion"], "Background", None, Some(&[]));
        check(&["orphan"], "Foreground", None, Some(&["foregroundDeletion"]));
    }

    #[test]
    fn a_kind_that_keeps_its_dependents_does_so_unless_told_otherwise() {
        let object = Object::default();
        let made = |policy: &str, dependents| {
            let options = Options { propagation_policy: policy.into(), ..Options::default() };
            finalizers(&object, &options, dependents)
        };
        assert_eq!(made("", Dependents::Orphaned), Some(vec![ORPHAN.to_owned()]));
        assert_eq!(made("Background", Dependents::Orphaned), None);
        assert_eq!(made("Orphan", Dependents::None), None);
    }
}
