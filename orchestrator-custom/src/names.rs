//! Which names a definition gets: those that it asks for, unless another of its group has them.

use std::collections::BTreeSet;

use orchestrator_core::object::Map;
use orchestrator_core::{Json, Object};

use crate::condition::{self, Condition, ESTABLISHED, NAMES_ACCEPTED};
use crate::value::Fields;

/// The names that the definitions of a group have.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    resources: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl Taken {
    /// Adds the names that were accepted of a definition.
    pub fn add(&mut self, definition: &Object) {
        let names = definition.as_map().sub("status").sub("acceptedNames");
        let resources = ["plural", "singular"].into_iter().map(|name| names.text(name));
        let resources = resources.chain(names.texts("shortNames"));
        self.resources.extend(resources.filter(|name| !name.is_empty()).map(str::to_owned));
        let kinds = ["kind", "listKind"].into_iter().map(|name| names.text(name));
        self.kinds.extend(kinds.filter(|name| !name.is_empty()).map(str::to_owned));
    }
}

/// What becomes of the names of a definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The names that it has from now on.
    pub accepted: Map,
    /// Whether those are all that it asks for.
    pub condition: Condition,
}

/// Decides about the names of `definition`, where `taken` are those of the others.
pub fn decide(definition: &Object, taken: &Taken) -> Decision {
    let map = definition.as_map();
    let (wanted, had) = (map.sub("spec").sub("names"), map.sub("status").sub("acceptedNames"));
    let mut accepted = had.as_object().cloned().unwrap_or_default();
    let mut conflict = None;
    let words = [
        ("plural", &taken.resources, "PluralConflict"),
        ("singular", &taken.resources, "SingularConflict"),
        ("shortNames", &taken.resources, "ShortNamesConflict"),
        ("kind", &taken.kinds, "KindConflict"),
        ("listKind", &taken.kinds, "ListKindConflict"),
    ];
    for (name, taken, reason) in words {
        let faults = match name {
            "shortNames" => short_names(wanted, had, taken),
            _ => fault(wanted.text(name), had.text(name), taken).into_iter().collect(),
        };
        if faults.is_empty() {
            copy(wanted, name, &mut accepted);
        } else {
            conflict = Some((reason, aggregate(&faults)));
        }
    }
    copy(wanted, "categories", &mut accepted);
    let condition = match conflict {
        Some((reason, why)) => Condition::new(NAMES_ACCEPTED, false, reason, why),
        None => Condition::new(NAMES_ACCEPTED, true, "NoConflicts", "no conflicts found"),
    };
    Decision { accepted, condition }
}

/// Whether the kind is served from now on: once it is, it stays so.
pub fn establish(definition: &Object, names: &Decision) -> Option<Condition> {
    if condition::holds(definition, ESTABLISHED) {
        return None;
    }
    Some(match names.condition.holds {
        true => {
            let why = "the initial names have been accepted";
            Condition::new(ESTABLISHED, true, "InitialNamesAccepted", why)
        }
        false => Condition::new(ESTABLISHED, false, "NotAccepted", "not all names are accepted"),
    })
}

fn fault(wanted: &str, had: &str, taken: &BTreeSet<String>) -> Option<String> {
    (wanted != had && taken.contains(wanted)).then(|| format!("{wanted:?} is already in use"))
}

fn short_names(wanted: &Json, had: &Json, taken: &BTreeSet<String>) -> Vec<String> {
    let had: Vec<&str> = had.texts("shortNames").collect();
    let fresh = wanted.texts("shortNames").filter(|name| !had.contains(name));
    fresh.filter_map(|name| fault(name, "", taken)).collect()
}

/// Several errors as one text.
fn aggregate(faults: &[String]) -> String {
    match faults {
        [one] => one.clone(),
        all => format!("[{}]", all.join(", ")),
    }
}

fn copy(from: &Json, name: &str, to: &mut Map) {
    match from.get(name) {
        Some(value) => drop(to.insert(name.into(), value.clone())),
        None => drop(to.remove(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(names: Json, accepted: Json) -> Object {
        let tree = json!({"spec": {"names": names}, "status": {"acceptedNames": accepted}});
        serde_json::from_value(tree).unwrap()
    }

    #[test]
    fn the_first_to_ask_has_a_name() {
        let names = json!({"plural": "as", "singular": "a", "kind": "A", "listKind": "AList", "shortNames": ["x"]});
        let mut taken = Taken::default();
        let first = definition(names.clone(), json!({}));
        let decision = decide(&first, &taken);
        assert_eq!(decision.condition.reason, "NoConflicts");
        assert_eq!(Json::Object(decision.accepted.clone()), names);
        assert!(establish(&first, &decision).unwrap().holds);
        taken.add(&definition(json!({}), names));
        let wanted = json!({"plural": "bs", "singular": "b", "kind": "A", "listKind": "BList", "shortNames": ["x", "y"]});
        let second = definition(wanted, json!({}));
        let decision = decide(&second, &taken);
        assert_eq!(decision.condition.reason, "KindConflict");
        assert_eq!(decision.condition.message, "\"A\" is already in use");
        assert!(!decision.accepted.contains_key("shortNames"));
        assert_eq!(establish(&second, &decision).unwrap().reason, "NotAccepted");
    }
}
