//! Amounts with a unit.

use orchestrator_core::Quantity;
use orchestrator_core::quantity::Format;

use super::{Called, Cost, Function, Overload, Sig, function, global, member};
use crate::EvalError;
use crate::types::Opaque;
use crate::value::Value;

const Q: Sig = Sig::Opaque(Opaque::Quantity);
const S: Sig = Sig::String;
const I: Sig = Sig::Int;
const SUM: &[Overload] = &[member(&[Q, Q], Q), member(&[Q, I], Q)];

pub(super) static TABLE: &[Function] = &[
    function("quantity", Cost::Traverse, &[global(&[S], Q)], |_, args| {
        let text = args[0].as_str().ok_or_else(EvalError::overload)?;
        let read: Result<Quantity, _> = text.parse();
        read.map(Value::Quantity).map_err(|_| {
            EvalError::undefined(
                "quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            )
        })
    }),
    function("isQuantity", Cost::Traverse, &[global(&[S], Sig::Bool)], |_, args| {
        let text = args[0].as_str().ok_or_else(EvalError::overload)?;
        Ok(Value::Bool(text.parse::<Quantity>().is_ok()))
    }),
    function("sign", Cost::One, &[member(&[Q], I)], |_, args| {
        Ok(Value::Int(i64::from(one(args)?.signum())))
    }),
    function("isInteger", Cost::One, &[member(&[Q], Sig::Bool)], |_, args| {
        Ok(Value::Bool(whole(one(args)?).is_some()))
    }),
    function("asInteger", Cost::One, &[member(&[Q], I)], |_, args| {
        let value = whole(one(args)?);
        value.map(Value::Int).ok_or_else(|| EvalError::undefined("cannot convert value to integer"))
    }),
    function("asApproximateFloat", Cost::One, &[member(&[Q], Sig::Double)], |_, args| {
        Ok(Value::Double(one(args)?.as_f64()))
    }),
    function("add", Cost::One, SUM, |_, args| combine(args, |a, b| a + b)),
    function("sub", Cost::One, SUM, |_, args| combine(args, |a, b| a - b)),
];

fn one(args: &[Value<'_>]) -> Result<Quantity, EvalError> {
    match args.first() {
        Some(Value::Quantity(quantity)) => Ok(*quantity),
        _ => Err(EvalError::overload()),
    }
}

/// The amount, where it has no fraction and is no larger than a number.
fn whole(quantity: Quantity) -> Option<i64> {
    let fits = quantity.nano_value().unsigned_abs() / 1_000_000_000 <= i64::MAX as u128;
    (quantity.is_integer() && fits).then(|| quantity.value())
}

fn combine<'a>(args: &[Value<'a>], by: fn(Quantity, Quantity) -> Quantity) -> Called<'a> {
    let other = match args.get(1) {
        Some(Value::Quantity(other)) => *other,
        Some(Value::Int(other)) => Quantity::new(*other, Format::DecimalSi),
        _ => return Err(EvalError::overload()),
    };
    Ok(Value::Quantity(by(one(args)?, other)))
}
