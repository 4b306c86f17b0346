//! Equality and order of values.

use std::cmp::Ordering;

use super::{List, Map, Value};
use crate::EvalError;
use crate::eval::Run;
use crate::types::{ListKind, same};

/// Whether two values are equal. Numbers of different types are, if their amounts are.
pub(crate) fn equal<'a>(
    a: &Value<'a>,
    b: &Value<'a>,
    run: &mut Run<'_, 'a>,
) -> Result<bool, EvalError> {
    run.work(1)?;
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::String(a), Value::String(b)) => {
            run.work(a.len().min(b.len()) / 64)?;
            **a == **b
        }
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::List(a), Value::List(b)) => lists(a, b, run)?,
        (Value::Map(a), Value::Map(b)) => maps(a, b, run)?,
        (Value::Struct(a), Value::Struct(b)) => {
            if a.name != b.name || a.fields.len() != b.fields.len() {
                return Ok(false);
            }
            for ((x, a), (y, b)) in a.fields.iter().zip(&b.fields) {
                if x != y || !equal(a, b, run)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Optional(None), Value::Optional(None)) => true,
        (Value::Optional(Some(a)), Value::Optional(Some(b))) => equal(a, b, run)?,
        (Value::Type(a), Value::Type(b)) => same(a, b) || a.name() == b.name(),
        (Value::Quantity(a), Value::Quantity(b)) => a == b,
        (Value::Ip(a), Value::Ip(b)) => a == b,
        (Value::Cidr(a), Value::Cidr(b)) => a == b,
        (Value::Url(a), Value::Url(b)) => a == b,
        (Value::Semver(a), Value::Semver(b)) => a.compare(b).is_eq(),
        (Value::Format(a), Value::Format(b)) => a.name == b.name,
        (Value::Check(x, a), Value::Check(y, b)) => x == y && a == b,
        (Value::Decision(a), Value::Decision(b)) => a == b,
        _ => numbers(a, b) == Some(Ordering::Equal),
    })
}

fn lists<'a>(a: &List<'a>, b: &List<'a>, run: &mut Run<'_, 'a>) -> Result<bool, EvalError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let kind = match a.kind() {
        ListKind::Atomic => b.kind(),
        kind => kind,
    };
    if *kind == ListKind::Atomic {
        for (a, b) in a.iter().zip(b.iter()) {
            if !equal(&a?, &b?, run)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    // Each item has its like on the other side.
    for item in a.iter() {
        if find(&item?, b, &ListKind::Set, run)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The place of the item of `list` that is `item` in the sense of `kind`.
pub(crate) fn find<'a>(
    item: &Value<'a>,
    list: &List<'a>,
    kind: &ListKind,
    run: &mut Run<'_, 'a>,
) -> Result<Option<usize>, EvalError> {
    for (i, other) in list.iter().enumerate() {
        let other = other?;
        let like = match kind {
            ListKind::Map(keys) => same_keys(item, &other, keys, run)?,
            _ => equal(item, &other, run)?,
        };
        if like {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

fn same_keys<'a>(
    a: &Value<'a>,
    b: &Value<'a>,
    keys: &[String],
    run: &mut Run<'_, 'a>,
) -> Result<bool, EvalError> {
    let (Value::Map(a), Value::Map(b)) = (a, b) else { return Ok(false) };
    for key in keys {
        let like = match (a.field(key), b.field(key)) {
            (Some(a), Some(b)) => equal(&a?, &b?, run)?,
            (None, None) => true,
            _ => false,
        };
        if !like {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps<'a>(a: &Map<'a>, b: &Map<'a>, run: &mut Run<'_, 'a>) -> Result<bool, EvalError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for key in a.keys() {
        let (Some(a), Some(b)) = (a.at(&key), b.at(&key)) else { return Ok(false) };
        if !equal(&a?, &b?, run)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two numbers of whatever types; `None` where one is not a number.
fn numbers(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Double(a), b) => mixed(*a, whole(b)?),
        (a, Value::Double(b)) => mixed(*b, whole(a)?).map(Ordering::reverse),
        (a, b) => Some(whole(a)?.cmp(&whole(b)?)),
    }
}

fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::Uint(value) => Some(i128::from(*value)),
        _ => None,
    }
}

fn mixed(a: f64, b: i128) -> Option<Ordering> {
    if a.is_nan() {
        return None;
    }
    // Every 64-bit number fits; what does not is beyond all of them.
    let floor = a.floor().clamp(-1e30, 1e30) as i128;
    Some(floor.cmp(&b).then(if a.fract() == 0.0 { Ordering::Equal } else { Ordering::Greater }))
}

/// The order of two values; `None` where they have none.
pub(crate) fn compare(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Some((**a).cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Quantity(a), Value::Quantity(b)) => Some(a.cmp(b)),
        (Value::Semver(a), Value::Semver(b)) => Some(a.compare(b)),
        _ => numbers(a, b),
    }
}
