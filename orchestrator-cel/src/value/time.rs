//! Points in time and lengths of time, as Go reads and prints them.

use std::fmt;

use jiff::Timestamp;

/// A length of time: billionths of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub i64);

const SECOND: i64 = 1_000_000_000;
/// The units that a text may name, the longer names first.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];

impl Span {
    /// The seconds, with what remains as a fraction: `90.5s`.
    pub(crate) fn seconds_text(self) -> String {
        let mut text = if self.0 < 0 { String::from("-") } else { String::new() };
        let whole = self.0.unsigned_abs();
        push(&mut text, whole / SECOND as u64, whole % SECOND as u64, 9);
        text.push('s');
        text
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.seconds_text())
    }
}

/// Writes a number and its fraction of `digits` digits, without the zeros at its end.
fn push(text: &mut String, whole: u64, fraction: u64, digits: usize) {
    text.push_str(&whole.to_string());
    if fraction > 0 {
        let all = format!("{fraction:0digits$}");
        text.push('.');
        text.push_str(all.trim_end_matches('0'));
    }
}

/// Reads `1h30m`, `-1.5s`, `0`.
pub(crate) fn parse_duration(text: &str) -> Option<Span> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(Span(0));
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, unit) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let length = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        let (name, after) = unit.split_at(length);
        let (_, scale) = UNITS.iter().find(|(known, _)| *known == name)?;
        let scale = i128::from(*scale);
        if whole.len() > 19 {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total += whole * scale;
        let kept = &fraction[..fraction.len().min(15)];
        if !kept.is_empty() {
            total += kept.parse::<i128>().ok()? * scale / 10_i128.pow(kept.len() as u32);
        }
        if total > i128::from(i64::MAX) + 1 {
            return None;
        }
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok().map(Span)
}

/// Reads a time with its offset, as RFC 3339 writes it.
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let shaped = text.len() >= 20 && text.as_bytes()[10] == b'T';
    if shaped { text.parse().ok() } else { None }
}

/// Prints a time: no more of the fraction than there is.
pub(crate) fn print_timestamp(time: Timestamp) -> String {
    time.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_printed() {
        let rows = [
            ("1h30m", Some("5400s")),
            ("1.5s", Some("1.5s")),
            ("-2m", Some("-120s")),
            ("1ms1us1ns", Some("0.001001001s")),
            ("0", Some("0s")),
            ("", None),
            ("1", None),
            ("1d", None),
            (".s", None),
            ("9999999999h", None),
            ("1h é", None),
        ];
        for (text, wanted) in rows {
            let read = parse_duration(text).map(|span| span.to_string());
            assert_eq!(read.as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn times_have_an_offset() {
        assert!(parse_timestamp("2024-01-01T00:00:00Z").is_some());
        assert!(parse_timestamp("2024-01-01T00:00:00.5+01:00").is_some());
        assert!(parse_timestamp("2024-01-01").is_none());
        assert!(parse_timestamp("2024-01-01T00:00:00").is_none());
    }
}
