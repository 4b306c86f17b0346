//! `+ - * / % !`.

use super::{Called, Cost, Function, Sig, function, global};
use crate::EvalError;
use crate::eval::Run;
use crate::types::ListKind;
use crate::value::{List, Span, Value, find};

const I: Sig = Sig::Int;
const U: Sig = Sig::Uint;
const D: Sig = Sig::Double;
const LIST: Sig = Sig::List(&Sig::A);

pub(super) static TABLE: &[Function] = &[
    function(
        "_+_",
        Cost::One,
        &[
            global(&[I, I], I),
            global(&[U, U], U),
            global(&[D, D], D),
            global(&[Sig::String, Sig::String], Sig::String),
            global(&[Sig::Bytes, Sig::Bytes], Sig::Bytes),
            global(&[LIST, LIST], LIST),
            global(&[Sig::Duration, Sig::Duration], Sig::Duration),
            global(&[Sig::Timestamp, Sig::Duration], Sig::Timestamp),
            global(&[Sig::Duration, Sig::Timestamp], Sig::Timestamp),
        ],
        add,
    ),
    function(
        "_-_",
        Cost::One,
        &[
            global(&[I, I], I),
            global(&[U, U], U),
            global(&[D, D], D),
            global(&[Sig::Duration, Sig::Duration], Sig::Duration),
            global(&[Sig::Timestamp, Sig::Duration], Sig::Timestamp),
            global(&[Sig::Timestamp, Sig::Timestamp], Sig::Duration),
        ],
        subtract,
    ),
    function(
        "_*_",
        Cost::One,
        &[global(&[I, I], I), global(&[U, U], U), global(&[D, D], D)],
        |_, args| match args {
            [Value::Int(a), Value::Int(b)] => int(a.checked_mul(*b)),
            [Value::Uint(a), Value::Uint(b)] => uint(a.checked_mul(*b)),
            [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a * b)),
            _ => Err(EvalError::overload()),
        },
    ),
    function(
        "_/_",
        Cost::One,
        &[global(&[I, I], I), global(&[U, U], U), global(&[D, D], D)],
        |_, args| match args {
            [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
                Err(EvalError::undefined("division by zero"))
            }
            [Value::Int(a), Value::Int(b)] => int(a.checked_div(*b)),
            [Value::Uint(a), Value::Uint(b)] => uint(a.checked_div(*b)),
            [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a / b)),
            _ => Err(EvalError::overload()),
        },
    ),
    function("_%_", Cost::One, &[global(&[I, I], I), global(&[U, U], U)], |_, args| match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
            Err(EvalError::undefined("modulus by zero"))
        }
        [Value::Int(a), Value::Int(b)] => int(a.checked_rem(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_rem(*b)),
        _ => Err(EvalError::overload()),
    }),
    function("-_", Cost::One, &[global(&[I], I), global(&[D], D)], |_, args| match args {
        [Value::Int(a)] => int(a.checked_neg()),
        [Value::Double(a)] => Ok(Value::Double(-a)),
        _ => Err(EvalError::overload()),
    }),
    function("!_", Cost::One, &[global(&[Sig::Bool], Sig::Bool)], |_, args| match args {
        [Value::Bool(a)] => Ok(Value::Bool(!a)),
        _ => Err(EvalError::overload()),
    }),
];

fn int<'a>(value: Option<i64>) -> Called<'a> {
    value.map(Value::Int).ok_or_else(|| EvalError::undefined("integer overflow"))
}

fn uint<'a>(value: Option<u64>) -> Called<'a> {
    value.map(Value::Uint).ok_or_else(|| EvalError::undefined("unsigned integer overflow"))
}

fn span<'a>(value: Option<i64>) -> Called<'a> {
    let value = value.map(|nanos| Value::Duration(Span(nanos)));
    value.ok_or_else(|| EvalError::undefined("duration overflow"))
}

fn add<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    match args {
        [Value::Int(a), Value::Int(b)] => int(a.checked_add(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_add(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a + b)),
        [Value::String(a), Value::String(b)] => {
            let size = a.len() + b.len();
            run.work(size)?;
            run.spend((size as u64).div_ceil(10).saturating_sub(1))?;
            Ok(Value::text([&**a, &**b].concat()))
        }
        [Value::Bytes(a), Value::Bytes(b)] => {
            run.work(a.len() + b.len())?;
            Ok(Value::Bytes([&**a, &**b].concat().into()))
        }
        [Value::List(a), Value::List(b)] => lists(run, a, b),
        [Value::Duration(a), Value::Duration(b)] => span(a.0.checked_add(b.0)),
        [Value::Timestamp(time), Value::Duration(by)]
        | [Value::Duration(by), Value::Timestamp(time)] => moved(*time, i128::from(by.0)),
        _ => Err(EvalError::overload()),
    }
}

fn lists<'a>(run: &mut Run<'_, 'a>, a: &List<'a>, b: &List<'a>) -> Called<'a> {
    run.work(a.len() + b.len())?;
    let kind = a.kind();
    let mut items = a.values()?;
    for item in b.iter() {
        let item = item?;
        // A set keeps what it has, a map of items replaces what has the same keys.
        match kind {
            ListKind::Atomic => items.push(item),
            kind => match find(&item, a, kind, run)? {
                Some(at) => items[at] = item,
                None => items.push(item),
            },
        }
    }
    Ok(Value::list(items))
}

fn subtract<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    match args {
        [Value::Int(a), Value::Int(b)] => int(a.checked_sub(*b)),
        [Value::Uint(a), Value::Uint(b)] => uint(a.checked_sub(*b)),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a - b)),
        [Value::Duration(a), Value::Duration(b)] => span(a.0.checked_sub(b.0)),
        [Value::Timestamp(time), Value::Duration(by)] => moved(*time, -i128::from(by.0)),
        [Value::Timestamp(a), Value::Timestamp(b)] => {
            span(i64::try_from(a.as_nanosecond() - b.as_nanosecond()).ok())
        }
        _ => Err(EvalError::overload()),
    }
}

fn moved<'a>(time: jiff::Timestamp, by: i128) -> Called<'a> {
    let moved = jiff::Timestamp::from_nanosecond(time.as_nanosecond() + by);
    moved.map(Value::Timestamp).map_err(|_| EvalError::undefined("timestamp overflow"))
}
