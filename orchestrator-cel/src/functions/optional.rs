//! Something or nothing.

use super::{Called, Cost, Function, Sig, function, global, member};
use crate::EvalError;
use crate::eval::Run;
use crate::syntax::Expr;
use crate::types::Type;
use crate::value::{Value, type_of};

const MAYBE: Sig = Sig::Optional(&Sig::A);

pub(super) static TABLE: &[Function] = &[
    function("optional.of", Cost::One, &[global(&[Sig::A], MAYBE)], |_, args| {
        Ok(Value::some(args[0].clone()))
    }),
    function("optional.none", Cost::One, &[global(&[], MAYBE)], |_, _| Ok(Value::none())),
    function("optional.ofNonZeroValue", Cost::One, &[global(&[Sig::A], MAYBE)], |_, args| {
        let value = args[0].clone();
        Ok(if is_zero(&value) { Value::none() } else { Value::some(value) })
    }),
    function("hasValue", Cost::One, &[member(&[MAYBE], Sig::Bool)], |_, args| match &args[0] {
        Value::Optional(content) => Ok(Value::Bool(content.is_some())),
        _ => Err(EvalError::overload()),
    }),
    function("value", Cost::One, &[member(&[MAYBE], Sig::A)], |_, args| match &args[0] {
        Value::Optional(Some(content)) => Ok((**content).clone()),
        Value::Optional(None) => Err(EvalError::undefined("optional.none() dereference")),
        _ => Err(EvalError::overload()),
    }),
    Function {
        lazy: Some(or),
        ..function("or", Cost::One, &[member(&[MAYBE, MAYBE], MAYBE)], strict)
    },
    Function {
        lazy: Some(or_value),
        ..function("orValue", Cost::One, &[member(&[MAYBE, Sig::A], Sig::A)], strict)
    },
];

/// What stands where a function evaluates its arguments itself.
fn strict<'a>(_: &mut Run<'_, 'a>, _: &[Value<'a>]) -> Called<'a> {
    Err(EvalError::overload())
}

fn or<'a>(run: &mut Run<'_, 'a>, args: &'a [Expr]) -> Called<'a> {
    run.spend(1)?;
    match run.eval(&args[0])? {
        Value::Optional(None) => run.eval(&args[1]),
        Value::Optional(content) => Ok(Value::Optional(content)),
        _ => Err(EvalError::overload()),
    }
}

fn or_value<'a>(run: &mut Run<'_, 'a>, args: &'a [Expr]) -> Called<'a> {
    run.spend(1)?;
    match run.eval(&args[0])? {
        Value::Optional(None) => run.eval(&args[1]),
        Value::Optional(Some(content)) => Ok((*content).clone()),
        _ => Err(EvalError::overload()),
    }
}

fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) => true,
        Value::Double(value) => *value == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Struct(made) => made.fields.is_empty(),
        Value::Duration(span) => span.0 == 0,
        Value::Optional(content) => content.is_none(),
        other => matches!(type_of(other), Type::Null),
    }
}
