//! What a function costs for the values it is given.

use crate::functions::Cost;
use crate::value::Value;

/// The cost of a call.
pub(super) fn of(cost: Cost, args: &[Value<'_>]) -> u64 {
    let size = |i: usize| args.get(i).map_or(1, size);
    match cost {
        Cost::One => 1,
        Cost::Traverse => tenth(size(0)).max(1),
        Cost::TraverseBoth => tenth(size(0).saturating_add(size(1))).max(1),
        Cost::Compare => tenth(size(0).min(size(1))).max(1),
        Cost::Items => match args.get(1) {
            Some(Value::List(list)) => (list.len() as u64).max(1),
            _ => 1,
        },
        Cost::OwnItems => size(0).max(1),
        Cost::Search => tenth(size(0)).saturating_mul(tenth(size(1))).max(1),
        Cost::Regex => tenth(size(0) + 1).saturating_mul(quarter(size(1))).max(1),
        Cost::Replace => {
            let grown = size(2).saturating_mul(size(0)) / size(1).max(1);
            tenth(size(0)).saturating_add(tenth(grown)).max(1)
        }
        Cost::ItemsTimesItems => size(0).saturating_mul(size(1)).max(1),
        Cost::Ask => 350_000,
    }
}

/// A tenth, rounded up: what it costs to walk over a text.
pub(crate) fn tenth(size: u64) -> u64 {
    size.div_ceil(10)
}

/// A quarter, rounded up: how many steps a pattern may have.
pub(crate) fn quarter(size: u64) -> u64 {
    size.div_ceil(4)
}

/// How large a value is in the sense of costs: what is no text, list or map counts one.
fn size(value: &Value<'_>) -> u64 {
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => 1,
    };
    size as u64
}
