//! Texts.

use super::{Called, Cost, Function, Sig, function, global, member};
use crate::EvalError;
use crate::eval::Run;
use crate::value::{Text, Value};

const S: Sig = Sig::String;
const I: Sig = Sig::Int;
const TEXTS: Sig = Sig::List(&Sig::String);

pub(super) static TABLE: &[Function] = &[
    function("contains", Cost::Search, &[member(&[S, S], Sig::Bool)], |_, args| {
        let [Value::String(text), Value::String(part)] = args else {
            return Err(EvalError::overload());
        };
        Ok(Value::Bool(text.contains(&**part)))
    }),
    function("startsWith", Cost::One, &[member(&[S, S], Sig::Bool)], |_, args| {
        let (text, part) = two(args)?;
        Ok(Value::Bool(text.starts_with(part)))
    }),
    function("endsWith", Cost::One, &[member(&[S, S], Sig::Bool)], |_, args| {
        let (text, part) = two(args)?;
        Ok(Value::Bool(text.ends_with(part)))
    }),
    function("charAt", Cost::One, &[member(&[S, I], S)], char_at),
    function("lowerAscii", Cost::Traverse, &[member(&[S], S)], |run, args| {
        made(run, one(args)?.to_ascii_lowercase())
    }),
    function("upperAscii", Cost::Traverse, &[member(&[S], S)], |run, args| {
        made(run, one(args)?.to_ascii_uppercase())
    }),
    function("trim", Cost::Traverse, &[member(&[S], S)], |run, args| {
        made(run, one(args)?.trim().to_owned())
    }),
    function("replace", Cost::Replace, &[member(&[S, S, S], S), member(&[S, S, S, I], S)], replace),
    function("split", Cost::Traverse, &[member(&[S, S], TEXTS), member(&[S, S, I], TEXTS)], split),
    function("substring", Cost::Traverse, &[member(&[S, I], S), member(&[S, I, I], S)], substring),
    function("join", Cost::OwnItems, &[member(&[TEXTS], S), member(&[TEXTS, S], S)], join),
    function("strings.quote", Cost::Traverse, &[global(&[S], S)], quote),
];

fn one<'v>(args: &'v [Value<'_>]) -> Result<&'v str, EvalError> {
    args.first().and_then(Value::as_str).ok_or_else(EvalError::overload)
}

fn two<'v>(args: &'v [Value<'_>]) -> Result<(&'v str, &'v str), EvalError> {
    match args {
        [Value::String(a), Value::String(b), ..] => Ok((a, b)),
        _ => Err(EvalError::overload()),
    }
}

fn made<'a>(run: &mut Run<'_, 'a>, text: String) -> Called<'a> {
    run.work(text.len())?;
    Ok(Value::text(text))
}

fn range(index: i64) -> EvalError {
    EvalError::Undefined(format!("index out of range: {index}"))
}

/// The byte before the character at `index`; the end is one too.
pub(super) fn place(text: &str, index: i64) -> Result<usize, EvalError> {
    let wanted = usize::try_from(index).map_err(|_| range(index))?;
    let mut places = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    places.nth(wanted).ok_or_else(|| range(index))
}

fn char_at<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let [Value::String(text), Value::Int(index)] = args else { return Err(EvalError::overload()) };
    let at = place(text, *index)?;
    let letter: String = text[at..].chars().take(1).collect();
    Ok(Value::text(letter))
}

fn replace<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let [Value::String(text), Value::String(old), Value::String(new), rest @ ..] = args else {
        return Err(EvalError::overload());
    };
    let all = text.matches(&**old).count();
    let count = match rest {
        [Value::Int(count)] => usize::try_from(*count).unwrap_or(all).min(all),
        _ => all,
    };
    run.work(text.len() + count.saturating_mul(new.len()))?;
    Ok(Value::text(text.replacen(&**old, new, count)))
}

fn split<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let (text, separator) = two(args)?;
    let limit = match args.get(2) {
        Some(Value::Int(limit)) => usize::try_from(*limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    run.work(text.len())?;
    let piece = |part: &str| Value::text(part);
    if limit == 0 {
        return Ok(Value::list(Vec::new()));
    }
    if !separator.is_empty() {
        return Ok(Value::list(text.splitn(limit, separator).map(piece).collect()));
    }
    // An empty separator is between any two letters.
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if parts.len() + 1 == limit {
            parts.push(piece(rest));
            break;
        }
        let (head, tail) = rest.split_at(letter.len_utf8());
        parts.push(piece(head));
        rest = tail;
    }
    Ok(Value::list(parts))
}

fn substring<'a>(_: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let (text, from, to) = match args {
        [Value::String(text), Value::Int(from)] => (text, *from, None),
        [Value::String(text), Value::Int(from), Value::Int(to)] => (text, *from, Some(*to)),
        _ => return Err(EvalError::overload()),
    };
    let start = place(text, from)?;
    let end = to.map_or(Ok(text.len()), |to| place(text, to))?;
    if start > end {
        let to = to.unwrap_or_default();
        let message = format!("invalid substring range. start: {from}, end: {to}");
        return Err(EvalError::Undefined(message));
    }
    Ok(match text {
        Text::Borrowed(text) => Value::String(Text::Borrowed(&text[start..end])),
        Text::Shared(text) => Value::text(&text[start..end]),
    })
}

fn join<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let Value::List(list) = &args[0] else { return Err(EvalError::overload()) };
    let separator = match args.get(1) {
        Some(Value::String(text)) => text,
        _ => &Text::Borrowed(""),
    };
    let mut out = String::new();
    for (i, item) in list.iter().enumerate() {
        let item = item?;
        let text = item.as_str().ok_or_else(EvalError::overload)?;
        run.work(text.len() + separator.len())?;
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(Value::text(out))
}

fn quote<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let mut out = String::from("\"");
    for letter in one(args)?.chars() {
        match letter {
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    made(run, out)
}
