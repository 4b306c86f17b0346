//! What a path leads to.

use std::cmp::Ordering;

use orchestrator_core::Json;
use orchestrator_core::object::Map;

use super::{Filter, JsonPath, Operand, Relation, Step};

/// How many values a path may lead to on its way: those behind are not looked at.
const MAX_FOUND: usize = 10_000;

impl JsonPath {
    /// The values that the path leads to from `object`.
    pub fn find<'o>(&self, object: &'o Map) -> Vec<&'o Json> {
        let Some((first, rest)) = self.steps.split_first() else { return Vec::new() };
        let mut found = Vec::new();
        match first {
            Step::Field(name) => found.extend(object.get(name)),
            Step::Fields(names) => found.extend(names.iter().filter_map(|name| object.get(name))),
            Step::All => found.extend(object.values()),
            Step::Below => object.values().for_each(|value| below(value, &mut found)),
            Step::Slice { .. } | Step::Index(_) | Step::Filter(_) => {}
        }
        follow(found, rest)
    }

    fn find_in<'o>(&self, value: &'o Json) -> Vec<&'o Json> {
        follow(vec![value], &self.steps)
    }
}

fn follow<'o>(mut found: Vec<&'o Json>, steps: &[Step]) -> Vec<&'o Json> {
    for step in steps {
        let mut next = Vec::new();
        for value in found {
            if next.len() >= MAX_FOUND {
                break;
            }
            walk(step, value, &mut next);
        }
        found = next;
    }
    found
}

fn walk<'o>(step: &Step, value: &'o Json, found: &mut Vec<&'o Json>) {
    match (step, value) {
        (Step::Field(name), Json::Object(map)) => found.extend(map.get(name)),
        (Step::Fields(names), Json::Object(map)) => {
            found.extend(names.iter().filter_map(|name| map.get(name)));
        }
        (Step::All, Json::Object(map)) => found.extend(map.values()),
        (Step::All, Json::Array(items)) => found.extend(items),
        (Step::Index(place), Json::Array(items)) => {
            found.extend(place_in(items, *place).and_then(|place| items.get(place)));
        }
        (Step::Slice { from, to, step }, Json::Array(items)) => {
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let bound = |place: i64| if place < 0 { place + length } else { place };
            let from = bound(from.unwrap_or(0)).clamp(0, length);
            let to = bound(to.unwrap_or(length)).clamp(0, length);
            let step = usize::try_from(*step).unwrap_or(1).max(1);
            if from < to {
                found.extend(items[from as usize..to as usize].iter().step_by(step));
            }
        }
        (Step::Filter(filter), Json::Array(items)) => {
            found.extend(items.iter().filter(|item| filter.takes(item)));
        }
        (Step::Below, value) => below(value, found),
        _ => {}
    }
}

fn place_in(items: &[Json], place: i64) -> Option<usize> {
    let length = i64::try_from(items.len()).ok()?;
    usize::try_from(if place < 0 { place + length } else { place }).ok()
}

/// The value itself, and all that is below it.
fn below<'o>(value: &'o Json, found: &mut Vec<&'o Json>) {
    if found.len() >= MAX_FOUND {
        return;
    }
    found.push(value);
    match value {
        Json::Object(map) => map.values().for_each(|value| below(value, found)),
        Json::Array(items) => items.iter().for_each(|value| below(value, found)),
        _ => {}
    }
}

impl Filter {
    fn takes(&self, item: &Json) -> bool {
        let left = self.left.value(item);
        if self.relation == Relation::Exists {
            return left.is_some();
        }
        let (Some(left), Some(right)) = (left, self.right.value(item)) else { return false };
        let order = order(left, right);
        match self.relation {
            Relation::Exists => true,
            Relation::Equal => order == Some(Ordering::Equal),
            Relation::Unequal => order != Some(Ordering::Equal),
            Relation::Less => order == Some(Ordering::Less),
            Relation::LessOrEqual => order.is_some_and(Ordering::is_le),
            Relation::Greater => order == Some(Ordering::Greater),
            Relation::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, item: &'a Json) -> Option<&'a Json> {
        match self {
            Self::Value(value) => Some(value),
            Self::Path(path) => path.find_in(item).into_iter().next(),
        }
    }
}

fn order(left: &Json, right: &Json) -> Option<Ordering> {
    match (left, right) {
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        (Json::Number(a), Json::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Json::Bool(a), Json::Bool(b)) => Some(a.cmp(b)),
        (a, b) if a == b => Some(Ordering::Equal),
        _ => None,
    }
}
