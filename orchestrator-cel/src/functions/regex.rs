//! Patterns.
//!
//! A pattern is compiled once: the newest are kept. The time that one takes is linear in the
//! text, and the memory of its machine is bounded.

use std::sync::LazyLock;

use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};
use rustc_hash::FxHashMap;

use super::{Called, Cost, Function, Sig, function, global, member};
use crate::EvalError;
use crate::eval::Run;
use crate::value::Value;

const S: Sig = Sig::String;
const TEXTS: Sig = Sig::List(&Sig::String);

/// How many patterns are kept; then all are forgotten.
const KEPT_MAX: usize = 256;
/// How many bytes the machine of a pattern may have.
const MACHINE_MAX: usize = 1 << 20;

static KEPT: LazyLock<Mutex<FxHashMap<String, Regex>>> = LazyLock::new(Mutex::default);

pub(super) static TABLE: &[Function] = &[
    function(
        "matches",
        Cost::Regex,
        &[member(&[S, S], Sig::Bool), global(&[S, S], Sig::Bool)],
        |_, args| {
            let (text, pattern) = two(args)?;
            Ok(Value::Bool(pattern.is_match(text)))
        },
    ),
    function("find", Cost::Regex, &[member(&[S, S], S)], |_, args| {
        let (text, pattern) = two(args)?;
        Ok(Value::text(pattern.find(text).map_or("", |found| found.as_str())))
    }),
    function(
        "findAll",
        Cost::Regex,
        &[member(&[S, S], TEXTS), member(&[S, S, Sig::Int], TEXTS)],
        find_all,
    ),
];

fn two<'v>(args: &'v [Value<'_>]) -> Result<(&'v str, Regex), EvalError> {
    match args {
        [Value::String(text), Value::String(pattern), ..] => Ok((text, compile(pattern)?)),
        _ => Err(EvalError::overload()),
    }
}

fn find_all<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let (text, pattern) = two(args)?;
    let limit = match args.get(2) {
        Some(Value::Int(limit)) => usize::try_from(*limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    run.work(text.len())?;
    let found = pattern.find_iter(text).take(limit).map(|found| Value::text(found.as_str()));
    Ok(Value::list(found.collect()))
}

/// Whether a text is a pattern.
pub(crate) fn check_pattern(pattern: &str) -> bool {
    compile(pattern).is_ok()
}

fn compile(pattern: &str) -> Result<Regex, EvalError> {
    let mut kept = KEPT.lock();
    if let Some(regex) = kept.get(pattern) {
        return Ok(regex.clone());
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(MACHINE_MAX)
        .dfa_size_limit(MACHINE_MAX)
        .build()
        .map_err(|_| {
            EvalError::Undefined(format!("error parsing regexp: invalid pattern: `{pattern}`"))
        })?;
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
    kept.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}
