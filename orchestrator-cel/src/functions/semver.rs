//! Semantic versions.

use super::{Cost, Function, Sig, function, global, member};
use crate::EvalError;
use crate::types::Opaque;
use crate::value::{Value, Version};

const V: Sig = Sig::Opaque(Opaque::Semver);
const S: Sig = Sig::String;
const B: Sig = Sig::Bool;

pub(super) static TABLE: &[Function] = &[
    function("semver", Cost::Traverse, &[global(&[S], V), global(&[S, B], V)], |_, args| {
        let version =
            read(args)?.ok_or_else(|| EvalError::undefined("Invalid Semantic Version"))?;
        Ok(Value::Semver(version.into()))
    }),
    function("isSemver", Cost::Traverse, &[global(&[S], B), global(&[S, B], B)], |_, args| {
        Ok(Value::Bool(read(args)?.is_some()))
    }),
    function("major", Cost::One, &[member(&[V], Sig::Int)], |_, args| {
        number(args, |version| version.0.major)
    }),
    function("minor", Cost::One, &[member(&[V], Sig::Int)], |_, args| {
        number(args, |version| version.0.minor)
    }),
    function("patch", Cost::One, &[member(&[V], Sig::Int)], |_, args| {
        number(args, |version| version.0.patch)
    }),
];

fn read(args: &[Value<'_>]) -> Result<Option<Version>, EvalError> {
    let text = args[0].as_str().ok_or_else(EvalError::overload)?;
    Ok(match args.get(1) {
        Some(Value::Bool(true)) => Version::parse_loosely(text),
        _ => Version::parse(text),
    })
}

fn number<'a>(args: &[Value<'a>], part: fn(&Version) -> u64) -> Result<Value<'a>, EvalError> {
    match args.first() {
        Some(Value::Semver(version)) => Ok(Value::Int(part(version) as i64)),
        _ => Err(EvalError::overload()),
    }
}
