//! The order of quantities and of versions.

use std::cmp::Ordering;

use super::{Cost, Function, Overload, Sig, function, member};
use crate::EvalError;
use crate::types::Opaque;
use crate::value::{Value, compare};

const Q: Sig = Sig::Opaque(Opaque::Quantity);
const V: Sig = Sig::Opaque(Opaque::Semver);
const HOLDS: &[Overload] = &[member(&[Q, Q], Sig::Bool), member(&[V, V], Sig::Bool)];

pub(super) static TABLE: &[Function] = &[
    function("isGreaterThan", Cost::One, HOLDS, |_, args| {
        order(args).map(|order| Value::Bool(order.is_gt()))
    }),
    function("isLessThan", Cost::One, HOLDS, |_, args| {
        order(args).map(|order| Value::Bool(order.is_lt()))
    }),
    function(
        "compareTo",
        Cost::One,
        &[member(&[Q, Q], Sig::Int), member(&[V, V], Sig::Int)],
        |_, args| order(args).map(|order| Value::Int(order as i64)),
    ),
];

fn order(args: &[Value<'_>]) -> Result<Ordering, EvalError> {
    match args {
        [a @ (Value::Quantity(_) | Value::Semver(_)), b] => {
            compare(a, b).ok_or_else(EvalError::overload)
        }
        _ => Err(EvalError::overload()),
    }
}
