//! Parts of points in time and of lengths of time.

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::{Called, Cost, Function, Overload, Sig, function, member};
use crate::EvalError;
use crate::value::Value;

const T: Sig = Sig::Timestamp;
const D: Sig = Sig::Duration;
const I: Sig = Sig::Int;
const OF_DAY: &[Overload] = &[member(&[T], I), member(&[T, Sig::String], I)];
const OF_BOTH: &[Overload] = &[member(&[T], I), member(&[T, Sig::String], I), member(&[D], I)];

const SECOND: i64 = 1_000_000_000;

pub(super) static TABLE: &[Function] = &[
    function("getFullYear", Cost::One, OF_DAY, |_, args| of_time(args, |time| time.year().into())),
    function("getMonth", Cost::One, OF_DAY, |_, args| {
        of_time(args, |time| i64::from(time.month()) - 1)
    }),
    function("getDayOfYear", Cost::One, OF_DAY, |_, args| {
        of_time(args, |time| i64::from(time.day_of_year()) - 1)
    }),
    function("getDayOfMonth", Cost::One, OF_DAY, |_, args| {
        of_time(args, |time| i64::from(time.day()) - 1)
    }),
    function("getDate", Cost::One, OF_DAY, |_, args| of_time(args, |time| time.day().into())),
    function("getDayOfWeek", Cost::One, OF_DAY, |_, args| {
        of_time(args, |time| time.weekday().to_sunday_zero_offset().into())
    }),
    function("getHours", Cost::One, OF_BOTH, |_, args| {
        of_both(args, 3600 * SECOND, |time| time.hour().into())
    }),
    function("getMinutes", Cost::One, OF_BOTH, |_, args| {
        of_both(args, 60 * SECOND, |time| time.minute().into())
    }),
    function("getSeconds", Cost::One, OF_BOTH, |_, args| {
        of_both(args, SECOND, |time| time.second().into())
    }),
    function("getMilliseconds", Cost::One, OF_BOTH, |_, args| {
        of_both(args, SECOND / 1000, |time| time.millisecond().into())
    }),
];

fn of_both<'a>(args: &[Value<'a>], unit: i64, part: fn(&Zoned) -> i64) -> Called<'a> {
    match args {
        [Value::Duration(span)] => Ok(Value::Int(span.0 / unit)),
        _ => of_time(args, part),
    }
}

fn of_time<'a>(args: &[Value<'a>], part: fn(&Zoned) -> i64) -> Called<'a> {
    let (time, zone) = match args {
        [Value::Timestamp(time)] => (time, TimeZone::UTC),
        [Value::Timestamp(time), Value::String(name)] => (time, zone(name)?),
        _ => return Err(EvalError::overload()),
    };
    Ok(Value::Int(part(&time.to_zoned(zone))))
}

/// A zone by its name, or by an offset as in `-08:00`.
fn zone(name: &str) -> Result<TimeZone, EvalError> {
    let unknown = || EvalError::Undefined(format!("unknown time zone {name}"));
    if name == "UTC" || name.is_empty() {
        return Ok(TimeZone::UTC);
    }
    let Some((hours, minutes)) = name.split_once(':') else {
        return TimeZone::get(name).map_err(|_| unknown());
    };
    let negative = hours.starts_with('-');
    let hours: i32 = hours.parse().map_err(|_| unknown())?;
    let minutes: i32 = minutes.parse().map_err(|_| unknown())?;
    let (hours, minutes) = (hours.clamp(-24, 24), minutes.clamp(0, 59));
    let seconds = hours * 3600 + minutes * if negative { -60 } else { 60 };
    jiff::tz::Offset::from_seconds(seconds).map(TimeZone::fixed).map_err(|_| unknown())
}
