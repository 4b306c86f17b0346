//! Single values: their names in the table, their Go types, and the canonical form of those
//! that are texts with a meaning.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use crate::quantity::{Quantity, QuantityError};

/// A type without fields or items of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scalar {
    /// A text.
    String,
    /// Bytes, as base64.
    Bytes,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Int64,
    /// A floating-point number.
    Number,
    /// A truth value.
    Bool,
    /// A [`Quantity`].
    Quantity,
    /// A number or a text.
    IntOrString,
    /// A time with seconds.
    Time,
    /// A time with microseconds.
    MicroTime,
    /// An object of any kind, kept as it is.
    RawExtension,
    /// A set of fields.
    FieldsV1,
    /// Any JSON.
    Json,
    /// Any JSON, in a place that takes several types.
    Any,
    /// An object of which nothing more is known.
    Object,
}

/// Why a text is not a value of its type; worded as the server's decoder does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScalarError {
    /// No quantity.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// No time.
    #[error("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {part:?}")]
    Time {
        /// What was read.
        text: String,
        /// The layout expected, as Go writes it.
        layout: &'static str,
        /// What does not fit.
        rest: String,
        /// The part of the layout that it does not fit.
        part: &'static str,
    },
    /// No base64.
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
}

const NAMES: [(&str, Scalar); 15] = [
    ("string", Scalar::String),
    ("bytes", Scalar::Bytes),
    ("int", Scalar::Int),
    ("int64", Scalar::Int64),
    ("number", Scalar::Number),
    ("bool", Scalar::Bool),
    ("quantity", Scalar::Quantity),
    ("int-or-string", Scalar::IntOrString),
    ("time", Scalar::Time),
    ("microtime", Scalar::MicroTime),
    ("raw-extension", Scalar::RawExtension),
    ("fields-v1", Scalar::FieldsV1),
    ("json", Scalar::Json),
    ("any", Scalar::Any),
    ("object", Scalar::Object),
];

impl Scalar {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, scalar)| *scalar)
    }

    /// Whether any JSON may stand here.
    pub fn is_free(self) -> bool {
        matches!(self, Self::RawExtension | Self::FieldsV1 | Self::Json | Self::Any | Self::Object)
    }

    /// The type's name in Go.
    pub(super) fn go_name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Bytes => "[]uint8",
            Self::Int => "int32",
            Self::Int64 => "int64",
            Self::Number => "float64",
            Self::Bool => "bool",
            Self::Quantity => "resource.Quantity",
            Self::IntOrString => "intstr.IntOrString",
            Self::Time => "v1.Time",
            Self::MicroTime => "v1.MicroTime",
            Self::RawExtension => "runtime.RawExtension",
            Self::FieldsV1 => "v1.FieldsV1",
            Self::Json | Self::Any | Self::Object => "interface {}",
        }
    }

    /// The canonical form of a text of this type; `None` where `text` is canonical already.
    ///
    /// # Errors
    /// The text is no value of this type.
    pub(super) fn canonical(self, text: &str) -> Result<Option<String>, ScalarError> {
        match self {
            Self::Quantity => {
                let canonical = text.trim().parse::<Quantity>()?.to_string();
                // A plus sign stays where it is all that is not canonical; so it was recorded.
                let same = canonical == text.strip_prefix('+').unwrap_or(text);
                Ok((!same).then_some(canonical))
            }
            Self::Time => time(text, false),
            Self::MicroTime => time(text, true),
            Self::Bytes => bytes(text),
            _ => Ok(None),
        }
    }
}

fn bytes(text: &str) -> Result<Option<String>, ScalarError> {
    let plain: String;
    let compact = if text.contains(['\r', '\n']) {
        plain = text.replace(['\r', '\n'], "");
        &plain
    } else {
        text
    };
    let decoded = STANDARD.decode(compact).map_err(|error| {
        ScalarError::Base64(match error {
            base64::DecodeError::InvalidByte(place, _)
            | base64::DecodeError::InvalidLastSymbol { offset: place, .. } => place,
            _ => compact.len(),
        })
    })?;
    let canonical = STANDARD.encode(decoded);
    Ok((canonical != text).then_some(canonical))
}

const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
const MICRO_LAYOUT: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Reads an RFC 3339 time; `micro` asks for exactly six digits of a second.
fn time(text: &str, micro: bool) -> Result<Option<String>, ScalarError> {
    let layout = if micro { MICRO_LAYOUT } else { LAYOUT };
    let error =
        |rest: &str, part| ScalarError::Time { text: text.into(), layout, rest: rest.into(), part };
    let mut rest = text;
    let mut parts = [0_i16; 6];
    const SHAPE: [(usize, &str, &str); 6] = [
        (4, "-", "2006"),
        (2, "-", "01"),
        (2, "T", "02"),
        (2, ":", "15"),
        (2, ":", "04"),
        (2, "", "05"),
    ];
    for (part, (width, separator, name)) in parts.iter_mut().zip(SHAPE) {
        *part = digits(rest, width).ok_or_else(|| error(rest, name))?;
        rest = &rest[width..];
        rest = rest.strip_prefix(separator).ok_or_else(|| error(rest, separator))?;
    }
    let (nanos, rest) = if micro {
        let nanos = micros(rest).ok_or_else(|| error(rest, ".000000"))?;
        (nanos, &rest[7..])
    } else {
        fraction(rest).ok_or_else(|| error(rest, "Z07:00"))?
    };
    let offset = zone(rest).ok_or_else(|| error(rest, "Z07:00"))?;
    let moment = moment(parts, nanos, offset).ok_or_else(|| error("", "2006-01-02"))?;
    let mut canonical = moment.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    if micro {
        let _ = write!(canonical, ".{:06}", moment.subsec_nanosecond() / 1000);
    }
    canonical.push('Z');
    Ok((canonical != text).then_some(canonical))
}

fn digits(text: &str, width: usize) -> Option<i16> {
    let digits = text.get(..width)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn micros(text: &str) -> Option<i32> {
    let high = digits(text.strip_prefix('.')?, 3)?;
    let low = digits(text.get(4..)?, 3)?;
    Some((i32::from(high) * 1000 + i32::from(low)) * 1000)
}

/// A fraction of a second that may be there, and what follows it.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let Some(digits) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let nanos: i32 = format!("{:0<9}", &digits[..end.min(9)]).parse().ok()?;
    (end > 0).then(|| (nanos, &digits[end..]))
}

/// The offset from UTC in seconds.
fn zone(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = digits(&text[1..], 2).filter(|hours| *hours < 24)?;
    let minutes = digits(text.get(3..)?.strip_prefix(':')?, 2).filter(|minutes| *minutes < 60)?;
    (text.len() == 6).then(|| sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

fn moment(parts: [i16; 6], nanos: i32, offset: i64) -> Option<DateTime> {
    let [year, month, day, hour, minute, second] = parts;
    let date = Date::new(year, month as i8, day as i8).ok()?;
    let time = Time::new(hour as i8, minute as i8, second as i8, nanos).ok()?;
    date.to_datetime(time).checked_sub(SignedDuration::from_secs(offset)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scalar: Scalar, text: &str, wanted: &str) {
        let got = match scalar.canonical(text) {
            Ok(canonical) => canonical.unwrap_or_else(|| text.into()),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, wanted);
    }

    #[test]
    fn times_are_written_in_utc_with_the_precision_of_their_type() {
        let same = "2020-01-02T03:04:05Z";
        assert_eq!(Scalar::Time.canonical(same), Ok(None));
        check(Scalar::Time, "2020-01-02T03:04:05.123Z", same);
        check(Scalar::Time, "2020-01-02T05:04:05+02:00", same);
        check(Scalar::MicroTime, "2020-01-02T03:04:05.123456Z", "2020-01-02T03:04:05.123456Z");
        check(Scalar::MicroTime, "2020-01-02T02:04:05.000000-01:00", "2020-01-02T03:04:05.000000Z");
    }

    #[test]
    fn what_is_no_time_is_refused_in_the_servers_words() {
        check(
            Scalar::MicroTime,
            "2020-01-02T03:04:05Z",
            r#"parsing time "2020-01-02T03:04:05Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000""#,
        );
        check(
            Scalar::MicroTime,
            "x",
            r#"parsing time "x" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "x" as "2006""#,
        );
        for bad in [
            "",
            "2020-13-02T03:04:05Z",
            "2020-01-02 03:04:05Z",
            "2020-01-02T03:04:05",
            "2020-01-02T03:04:05.Z",
            "2020-01-02T03:04:61Z",
            "2020-01-02T03:04:05+2:00",
            "2020-02-30T03:04:05Z",
            "2020-01-02T03:04:05Zé",
            "２０20-01-02T03:04:05Z",
        ] {
            assert!(Scalar::Time.canonical(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn bytes_are_base64_and_newlines_do_not_count() {
        assert_eq!(Scalar::Bytes.canonical("YQ=="), Ok(None));
        check(Scalar::Bytes, "YQ\n==", "YQ==");
        check(Scalar::Bytes, "!!", "illegal base64 data at input byte 0");
        check(Scalar::Bytes, "YQ", "illegal base64 data at input byte 2");
    }
}
