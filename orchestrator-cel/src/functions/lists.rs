//! Lists, and what lists and texts have in common.

use std::cmp::Ordering;

use super::strings::place;
use super::{Called, Cost, Function, Overload, Sig, function, global, member};
use crate::EvalError;
use crate::eval::Run;
use crate::value::{List, Span, Value, compare, equal};

const A: Sig = Sig::A;
const I: Sig = Sig::Int;
const S: Sig = Sig::String;
const LIST: Sig = Sig::List(&Sig::A);

/// How many numbers `lists.range` makes at most.
const RANGE_MAX: i64 = 100_000;
/// How deep `flatten` goes at most.
const FLATTEN_MAX: i64 = 32;

const INDEX: &[Overload] = &[member(&[S, S], I), member(&[S, S, I], I), member(&[LIST, A], I)];

pub(super) static TABLE: &[Function] = &[
    function("isSorted", Cost::OwnItems, &[member(&[LIST], Sig::Bool)], is_sorted),
    function(
        "sum",
        Cost::OwnItems,
        &[
            member(&[Sig::List(&Sig::Int)], Sig::Int),
            member(&[Sig::List(&Sig::Uint)], Sig::Uint),
            member(&[Sig::List(&Sig::Double)], Sig::Double),
            member(&[Sig::List(&Sig::Duration)], Sig::Duration),
        ],
        sum,
    ),
    function("min", Cost::OwnItems, &[member(&[LIST], A)], |_, args| {
        extreme(args, Ordering::Less, "min")
    }),
    function("max", Cost::OwnItems, &[member(&[LIST], A)], |_, args| {
        extreme(args, Ordering::Greater, "max")
    }),
    function("indexOf", Cost::Search, INDEX, |run, args| index_of(run, args, false)),
    function("lastIndexOf", Cost::Search, INDEX, |run, args| index_of(run, args, true)),
    function("reverse", Cost::OwnItems, &[member(&[LIST], LIST), member(&[S], S)], reverse),
    function("slice", Cost::OwnItems, &[member(&[LIST, I, I], LIST)], slice),
    function("distinct", Cost::ItemsTimesItems, &[member(&[LIST], LIST)], distinct),
    function("sort", Cost::OwnItems, &[member(&[LIST], LIST)], sort),
    function(
        "flatten",
        Cost::OwnItems,
        &[
            member(&[Sig::List(&LIST)], LIST),
            member(&[Sig::List(&Sig::Dyn), I], Sig::List(&Sig::Dyn)),
        ],
        flatten,
    ),
    function("first", Cost::One, &[member(&[LIST], Sig::Optional(&A))], |_, args| {
        let list = list(&args[0])?;
        Ok(list.get(0).transpose()?.map_or(Value::none(), Value::some))
    }),
    function("last", Cost::One, &[member(&[LIST], Sig::Optional(&A))], |_, args| {
        let list = list(&args[0])?;
        let last = list.len().checked_sub(1).and_then(|at| list.get(at));
        Ok(last.transpose()?.map_or(Value::none(), Value::some))
    }),
    function("lists.range", Cost::One, &[global(&[I], Sig::List(&Sig::Int))], |run, args| {
        let Value::Int(end) = args[0] else { return Err(EvalError::overload()) };
        if !(0..=RANGE_MAX).contains(&end) {
            return Err(EvalError::Undefined(format!("lists.range: size {end} exceeds limit")));
        }
        run.spend(end.unsigned_abs())?;
        Ok(Value::list((0..end).map(Value::Int).collect()))
    }),
];

fn list<'v, 'a>(value: &'v Value<'a>) -> Result<&'v List<'a>, EvalError> {
    match value {
        Value::List(list) => Ok(list),
        _ => Err(EvalError::overload()),
    }
}

fn is_sorted<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let items = list(&args[0])?.values()?;
    for pair in items.windows(2) {
        if compare(&pair[0], &pair[1]).ok_or_else(EvalError::overload)?.is_gt() {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}

fn sum<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let mut total = None;
    let overflow = || EvalError::undefined("integer overflow");
    for item in list(&args[0])?.iter() {
        total = Some(match (total, item?) {
            (None, first) => first,
            (Some(Value::Int(a)), Value::Int(b)) => {
                Value::Int(a.checked_add(b).ok_or_else(overflow)?)
            }
            (Some(Value::Uint(a)), Value::Uint(b)) => {
                Value::Uint(a.checked_add(b).ok_or_else(overflow)?)
            }
            (Some(Value::Double(a)), Value::Double(b)) => Value::Double(a + b),
            (Some(Value::Duration(a)), Value::Duration(b)) => {
                Value::Duration(Span(a.0.checked_add(b.0).ok_or_else(overflow)?))
            }
            _ => return Err(EvalError::overload()),
        });
    }
    Ok(total.unwrap_or(Value::Int(0)))
}

fn extreme<'a>(args: &[Value<'a>], wanted: Ordering, name: &str) -> Called<'a> {
    let mut best: Option<Value<'a>> = None;
    for item in list(&args[0])?.iter() {
        let item = item?;
        let better = match &best {
            None => true,
            Some(best) => compare(&item, best).ok_or_else(EvalError::overload)? == wanted,
        };
        if better {
            best = Some(item);
        }
    }
    best.ok_or_else(|| EvalError::Undefined(format!("{name} called on empty list")))
}

/// `indexOf` and `lastIndexOf`; -1 where it is not found.
fn index_of<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>], last: bool) -> Called<'a> {
    if let [Value::List(list), wanted] = args {
        let mut found = -1;
        for (i, item) in list.iter().enumerate() {
            if equal(&item?, wanted, run)? {
                found = i as i64;
                if !last {
                    break;
                }
            }
        }
        return Ok(Value::Int(found));
    }
    let (text, part, offset) = match args {
        [Value::String(text), Value::String(part)] => (text, part, None),
        [Value::String(text), Value::String(part), Value::Int(offset)] => {
            (text, part, Some(*offset))
        }
        _ => return Err(EvalError::overload()),
    };
    let start = offset.map_or(Ok(0), |offset| place(text, offset))?;
    let found = match (last, offset) {
        (false, _) => text[start..].find(&**part).map(|at| start + at),
        (true, None) => text.rfind(&**part),
        (true, Some(_)) => {
            text.match_indices(&**part).map(|(at, _)| at).take_while(|at| *at <= start).last()
        }
    };
    Ok(Value::Int(found.map_or(-1, |at| text[..at].chars().count() as i64)))
}

fn reverse<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    if let Value::String(text) = &args[0] {
        run.work(text.len())?;
        return Ok(Value::text(text.chars().rev().collect::<String>()));
    }
    let mut items = list(&args[0])?.values()?;
    run.work(items.len())?;
    items.reverse();
    Ok(Value::list(items))
}

fn slice<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let [Value::List(list), Value::Int(from), Value::Int(to)] = args else {
        return Err(EvalError::overload());
    };
    if *from < 0 || *to < 0 {
        let message = format!("cannot slice({from}, {to}), negative indexes not supported");
        return Err(EvalError::Undefined(message));
    }
    if from > to {
        let message = format!(
            "cannot slice({from}, {to}), start index must be less than or equal to end index"
        );
        return Err(EvalError::Undefined(message));
    }
    if *to > list.len() as i64 {
        let message = format!("cannot slice({from}, {to}), list is length {}", list.len());
        return Err(EvalError::Undefined(message));
    }
    run.work((to - from) as usize)?;
    let items = (*from as usize..*to as usize).map_while(|i| list.get(i));
    Ok(Value::list(items.collect::<Result<_, _>>()?))
}

fn distinct<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let mut kept: Vec<Value<'a>> = Vec::new();
    'items: for item in list(&args[0])?.iter() {
        let item = item?;
        for other in &kept {
            if equal(&item, other, run)? {
                continue 'items;
            }
        }
        run.work(1)?;
        kept.push(item);
    }
    Ok(Value::list(kept))
}

fn sort<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let mut items = list(&args[0])?.values()?;
    run.work(items.len() * 8)?;
    if items.windows(2).any(|pair| compare(&pair[0], &pair[1]).is_none()) {
        return Err(EvalError::overload());
    }
    items.sort_by(|a, b| compare(a, b).unwrap_or(Ordering::Equal));
    Ok(Value::list(items))
}

fn flatten<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let depth = match args.get(1) {
        Some(Value::Int(depth)) if *depth < 0 => {
            return Err(EvalError::undefined("level must be non-negative"));
        }
        Some(Value::Int(depth)) => (*depth).min(FLATTEN_MAX),
        _ => 1,
    };
    let mut out = Vec::new();
    spread(run, list(&args[0])?, depth, &mut out)?;
    Ok(Value::list(out))
}

fn spread<'a>(
    run: &mut Run<'_, 'a>,
    from: &List<'a>,
    depth: i64,
    out: &mut Vec<Value<'a>>,
) -> Result<(), EvalError> {
    for item in from.iter() {
        run.work(1)?;
        match item? {
            Value::List(inner) if depth > 0 => spread(run, &inner, depth - 1, out)?,
            other => out.push(other),
        }
    }
    Ok(())
}
