//! Lists as sets.

use super::{Cost, Function, Overload, Sig, function, global};
use crate::EvalError;
use crate::eval::Run;
use crate::types::ListKind;
use crate::value::{List, Value, find};

const LIST: Sig = Sig::List(&Sig::A);
const TWO: &[Overload] = &[global(&[LIST, LIST], Sig::Bool)];

pub(super) static TABLE: &[Function] = &[
    function("sets.contains", Cost::ItemsTimesItems, TWO, |run, args| {
        let (a, b) = two(args)?;
        contains(run, a, b).map(Value::Bool)
    }),
    function("sets.equivalent", Cost::ItemsTimesItems, TWO, |run, args| {
        let (a, b) = two(args)?;
        Ok(Value::Bool(contains(run, a, b)? && contains(run, b, a)?))
    }),
    function("sets.intersects", Cost::ItemsTimesItems, TWO, |run, args| {
        let (a, b) = two(args)?;
        for item in b.iter() {
            if find(&item?, a, &ListKind::Atomic, run)?.is_some() {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
];

fn two<'v, 'a>(args: &'v [Value<'a>]) -> Result<(&'v List<'a>, &'v List<'a>), EvalError> {
    match args {
        [Value::List(a), Value::List(b)] => Ok((a, b)),
        _ => Err(EvalError::overload()),
    }
}

fn contains<'a>(run: &mut Run<'_, 'a>, a: &List<'a>, b: &List<'a>) -> Result<bool, EvalError> {
    for item in b.iter() {
        if find(&item?, a, &ListKind::Atomic, run)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
