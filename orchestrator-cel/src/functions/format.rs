//! `'%s of %d'.format([a, b])`.

use super::conversion::shortest;
use super::{Called, Cost, Function, Sig, function, member};
use crate::EvalError;
use crate::eval::Run;
use crate::value::{List, Value, print_timestamp, type_of};

pub(super) static TABLE: &[Function] = &[function(
    "format",
    Cost::Traverse,
    &[member(&[Sig::String, Sig::List(&Sig::Dyn)], Sig::String)],
    format,
)];

/// How many digits after the point there are where nobody says.
const PRECISION: usize = 6;
/// How many there may be.
const PRECISION_MAX: usize = 1000;
/// How deep a list or a map may be to be printed.
const DEPTH_MAX: usize = 32;

fn format<'a>(run: &mut Run<'_, 'a>, args: &[Value<'a>]) -> Called<'a> {
    let [Value::String(text), Value::List(list)] = args else { return Err(EvalError::overload()) };
    let mut out = String::new();
    let mut next = 0;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        run.work(1)?;
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let mut clause = letters.next();
        if clause == Some('%') {
            out.push('%');
            continue;
        }
        let mut precision = None;
        if clause == Some('.') {
            let digits: String = letters.clone().take_while(char::is_ascii_digit).collect();
            letters.nth(digits.len().saturating_sub(1));
            let wanted: usize = digits.parse().map_err(|_| {
                EvalError::undefined("error while parsing formatting clause: invalid precision")
            })?;
            precision = Some(wanted.min(PRECISION_MAX));
            clause = letters.next();
        }
        let clause = clause.ok_or_else(|| {
            EvalError::undefined("could not parse formatting clause: unexpected end of string")
        })?;
        let value = argument(list, next)?;
        next += 1;
        let before = out.len();
        write(run, clause, precision, &value, &mut out)?;
        run.work(out.len() - before)?;
    }
    Ok(Value::text(out))
}

fn argument<'a>(list: &List<'a>, index: usize) -> Called<'a> {
    list.get(index)
        .unwrap_or_else(|| Err(EvalError::Undefined(format!("index {index} out of range"))))
}

fn write<'a>(
    run: &mut Run<'_, 'a>,
    clause: char,
    precision: Option<usize>,
    value: &Value<'a>,
    out: &mut String,
) -> Result<(), EvalError> {
    let digits = precision.unwrap_or(PRECISION);
    let unfit = |what: &str| {
        let ty = type_of(value);
        let message = format!(
            "error during formatting: {what} clause can only be used on numbers, was given {}",
            ty.name()
        );
        EvalError::Undefined(message)
    };
    match (clause, value) {
        ('s', value) => print(run, value, 0, out)?,
        ('d', Value::Int(value)) => out.push_str(&value.to_string()),
        ('d', Value::Uint(value)) => out.push_str(&value.to_string()),
        ('d' | 'f' | 'e', Value::Double(value)) if !value.is_finite() => {
            out.push_str(if value.is_nan() {
                "NaN"
            } else if *value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            });
        }
        ('d', Value::Double(value)) => out.push_str(&shortest(*value)),
        ('f', value) => out
            .push_str(&format!("{:.digits$}", number(value).ok_or_else(|| unfit("fixed-point"))?)),
        ('e', value) => {
            let text = format!("{:.digits$e}", number(value).ok_or_else(|| unfit("scientific"))?);
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or_default();
            let sign = if exponent < 0 { '-' } else { '+' };
            out.push_str(&format!("{mantissa}e{sign}{:02}", exponent.abs()));
        }
        ('b', Value::Bool(value)) => out.push(if *value { '1' } else { '0' }),
        ('b' | 'o' | 'x' | 'X', Value::Int(value)) => {
            if *value < 0 {
                out.push('-');
            }
            out.push_str(&radix(clause, value.unsigned_abs()));
        }
        ('b' | 'o' | 'x' | 'X', Value::Uint(value)) => out.push_str(&radix(clause, *value)),
        ('x' | 'X', Value::String(text)) => hex(clause, text.as_bytes(), out),
        ('x' | 'X', Value::Bytes(bytes)) => hex(clause, bytes, out),
        ('d' | 'b' | 'o' | 'x' | 'X', _) => return Err(unfit("integer")),
        (other, _) => {
            let message = format!(
                "could not parse formatting clause: unrecognized formatting clause {other:?}"
            );
            return Err(EvalError::Undefined(message));
        }
    }
    Ok(())
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        Value::Uint(value) => Some(*value as f64),
        _ => None,
    }
}

fn radix(clause: char, value: u64) -> String {
    match clause {
        'b' => format!("{value:b}"),
        'o' => format!("{value:o}"),
        'x' => format!("{value:x}"),
        _ => format!("{value:X}"),
    }
}

fn hex(clause: char, bytes: &[u8], out: &mut String) {
    for byte in bytes {
        out.push_str(&if clause == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") });
    }
}

/// Prints a value the way `%s` does.
fn print<'a>(
    run: &mut Run<'_, 'a>,
    value: &Value<'a>,
    depth: usize,
    out: &mut String,
) -> Result<(), EvalError> {
    if depth > DEPTH_MAX {
        return Err(EvalError::undefined("the value is nested too deeply"));
    }
    run.work(1)?;
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Uint(value) => out.push_str(&value.to_string()),
        Value::Double(value) => out.push_str(&shortest(*value)),
        Value::String(text) => out.push_str(text),
        Value::Bytes(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
        Value::Duration(span) => out.push_str(&span.to_string()),
        Value::Timestamp(time) => out.push_str(&print_timestamp(*time)),
        Value::Type(ty) => out.push_str(ty.name()),
        Value::Quantity(quantity) => out.push_str(&quantity.to_string()),
        Value::Ip(ip) => out.push_str(&ip.to_string()),
        Value::Cidr(range) => out.push_str(&range.to_string()),
        Value::List(list) => {
            out.push('[');
            for (i, item) in list.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                print(run, &item?, depth + 1, out)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, key) in map.keys().iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                out.push_str(&key.to_string());
                out.push_str(": ");
                if let Some(value) = map.at(key) {
                    print(run, &value?, depth + 1, out)?;
                }
            }
            out.push('}');
        }
        other => {
            let ty = type_of(other);
            let message = format!(
                "error during formatting: string clause can only be used on strings, bools, \
                 bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given {}",
                ty.name()
            );
            return Err(EvalError::Undefined(message));
        }
    }
    Ok(())
}
