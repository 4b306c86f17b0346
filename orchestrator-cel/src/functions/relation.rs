//! `== != < <= > >= in` and indices.

use std::cmp::Ordering;

use super::{Called, Cost, Function, Overload, Sig, function, global};
use crate::EvalError;
use crate::eval::Run;
use crate::value::{Key, Value, compare, equal};

const ORDERED: &[Overload] = &[
    global(&[Sig::Bool, Sig::Bool], Sig::Bool),
    global(&[Sig::Int, Sig::Int], Sig::Bool),
    global(&[Sig::Int, Sig::Double], Sig::Bool),
    global(&[Sig::Int, Sig::Uint], Sig::Bool),
    global(&[Sig::Uint, Sig::Uint], Sig::Bool),
    global(&[Sig::Uint, Sig::Double], Sig::Bool),
    global(&[Sig::Uint, Sig::Int], Sig::Bool),
    global(&[Sig::Double, Sig::Double], Sig::Bool),
    global(&[Sig::Double, Sig::Int], Sig::Bool),
    global(&[Sig::Double, Sig::Uint], Sig::Bool),
    global(&[Sig::String, Sig::String], Sig::Bool),
    global(&[Sig::Bytes, Sig::Bytes], Sig::Bool),
    global(&[Sig::Timestamp, Sig::Timestamp], Sig::Bool),
    global(&[Sig::Duration, Sig::Duration], Sig::Bool),
];

const MAP: Sig = Sig::Map(&Sig::A, &Sig::B);
const MAYBE_LIST: Sig = Sig::Optional(&Sig::List(&Sig::A));
const MAYBE_MAP: Sig = Sig::Optional(&MAP);

pub(super) static TABLE: &[Function] = &[
    function("_==_", Cost::Compare, &[global(&[Sig::A, Sig::A], Sig::Bool)], |run, args| {
        equal(&args[0], &args[1], run).map(Value::Bool)
    }),
    function("_!=_", Cost::Compare, &[global(&[Sig::A, Sig::A], Sig::Bool)], |run, args| {
        equal(&args[0], &args[1], run).map(|equal| Value::Bool(!equal))
    }),
    function("_<_", Cost::Compare, ORDERED, |_, args| ordered(args, Ordering::is_lt)),
    function("_<=_", Cost::Compare, ORDERED, |_, args| ordered(args, Ordering::is_le)),
    function("_>_", Cost::Compare, ORDERED, |_, args| ordered(args, Ordering::is_gt)),
    function("_>=_", Cost::Compare, ORDERED, |_, args| ordered(args, Ordering::is_ge)),
    function(
        "@in",
        Cost::Items,
        &[global(&[Sig::A, Sig::List(&Sig::A)], Sig::Bool), global(&[Sig::A, MAP], Sig::Bool)],
        contains,
    ),
    function(
        "_[_]",
        Cost::One,
        &[
            global(&[Sig::List(&Sig::A), Sig::Int], Sig::A),
            global(&[MAP, Sig::A], Sig::B),
            global(&[MAYBE_LIST, Sig::Int], Sig::Optional(&Sig::A)),
            global(&[MAYBE_MAP, Sig::A], Sig::Optional(&Sig::B)),
        ],
        index,
    ),
    function(
        "_[?_]",
        Cost::One,
        &[
            global(&[Sig::List(&Sig::A), Sig::Int], Sig::Optional(&Sig::A)),
            global(&[MAP, Sig::A], Sig::Optional(&Sig::B)),
            global(&[MAYBE_LIST, Sig::Int], Sig::Optional(&Sig::A)),
            global(&[MAYBE_MAP, Sig::A], Sig::Optional(&Sig::B)),
        ],
        optional_index,
    ),
];

fn ordered<'a>(args: &[Value<'a>], holds: fn(Ordering) -> bool) -> Called<'a> {
    let order = compare(&args[0], &args[1]);
    // What is no number compares to nothing, also not to itself.
    let numbers =
        args.iter().all(|value| matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_)));
    match order {
        Some(order) => Ok(Value::Bool(holds(order))),
        None if numbers => Err(EvalError::undefined("NaN values cannot be ordered")),
        None => Err(EvalError::overload()),
    }
}

/// `in`.
fn contains<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    match &args[1] {
        Value::List(list) => {
            for item in list.iter() {
                if equal(&args[0], &item?, run)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        Value::Map(map) => {
            let found = match Key::of(&args[0]) {
                Some(key) => map.get(&key).transpose()?.is_some(),
                None => false,
            };
            Ok(Value::Bool(found))
        }
        _ => Err(EvalError::overload()),
    }
}

fn index<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    if let Value::Optional(_) = &args[0] {
        return optional_index(run, args);
    }
    run.index(&args[0], &args[1])?.ok_or_else(|| {
        let key = Key::of(&args[1]).map(|key| key.to_string()).unwrap_or_default();
        match &args[0] {
            Value::List(_) => EvalError::Undefined(format!("index out of bounds: {key}")),
            _ => EvalError::key(key),
        }
    })
}

fn optional_index<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let operand = match &args[0] {
        Value::Optional(None) => return Ok(Value::none()),
        Value::Optional(Some(content)) => content,
        other => other,
    };
    Ok(run.index(operand, &args[1])?.map_or(Value::none(), Value::some))
}
