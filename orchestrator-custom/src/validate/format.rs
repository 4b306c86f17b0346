//! Formats of texts.
//!
//! What a format takes is what the validator of upstream takes, which is sometimes more and
//! sometimes less than the standards say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::schema::Format;

impl Format {
    /// Whether `text` has the format.
    pub(super) fn fits(self, text: &str) -> bool {
        match self.word() {
            "byte" => is_base64(text),
            "bsonobjectid" => text.len() == 24 && all(text, |b| b.is_ascii_hexdigit()),
            "cidr" => text.parse::<IpNet>().is_ok(),
            "creditcard" => is_card(text),
            "date" => is_date(text),
            "date-time" | "datetime" => is_date_time(text),
            "duration" => is_duration(text),
            "email" => is_email(text),
            "hexcolor" => is_hex_color(text),
            "hostname" => is_hostname(text),
            "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
            "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
            "isbn" => is_isbn10(text) || is_isbn13(text),
            "isbn10" => is_isbn10(text),
            "isbn13" => is_isbn13(text),
            "k8s-long-name" => is_long_name(text),
            "k8s-short-name" => is_short_name(text),
            "mac" => is_mac(text),
            "rgbcolor" => is_rgb(text),
            "ssn" => is_ssn(text),
            "uri" => is_uri(text),
            "uuid" => is_uuid(text, None),
            "uuid3" => is_uuid(text, Some('3')),
            "uuid4" => is_uuid(text, Some('4')),
            "uuid5" => is_uuid(text, Some('5')),
            // A password may be anything.
            _ => true,
        }
    }
}

fn all(text: &str, is: impl Fn(u8) -> bool) -> bool {
    text.bytes().all(is)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && all(text, |byte| byte.is_ascii_digit())
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && padding <= 2
        && all(body, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// The digits of a number that may be grouped by spaces and hyphens.
fn compact(text: &str) -> String {
    text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect()
}

fn is_card(text: &str) -> bool {
    let number = compact(text);
    if !(13..=19).contains(&number.len()) || !digits(&number) {
        return false;
    }
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0') * (1 + place as u32 % 2);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_isbn10(text: &str) -> bool {
    let number = compact(text);
    let value = |(place, letter): (usize, u8)| match letter {
        b'0'..=b'9' => Some((10 - place as u32) * u32::from(letter - b'0')),
        b'X' if place == 9 => Some(10),
        _ => None,
    };
    number.len() == 10
        && number.bytes().enumerate().map(value).sum::<Option<u32>>().is_some_and(|s| s % 11 == 0)
}

fn is_isbn13(text: &str) -> bool {
    let number = compact(text);
    number.len() == 13
        && digits(&number)
        && number
            .bytes()
            .enumerate()
            .map(|(place, digit)| u32::from(digit - b'0') * [1, 3][place % 2])
            .sum::<u32>()
            % 10
            == 0
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    let zone = time.find(['Z', 'z', '+', '-']);
    is_date(date) && zone.is_some_and(|zone| zone >= 8) && text.parse::<jiff::Timestamp>().is_ok()
}

/// `1h30m`, `-1.5s`, or a number and a word, as in `3 days`.
fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 29] = [
        "ns",
        "nano",
        "nanos",
        "nanosecond",
        "nanoseconds",
        "us",
        "µs",
        "micro",
        "micros",
        "microsecond",
        "microseconds",
        "ms",
        "milli",
        "millis",
        "millisecond",
        "milliseconds",
        "s",
        "sec",
        "secs",
        "second",
        "seconds",
        "m",
        "min",
        "minute",
        "minutes",
        "h",
        "hr",
        "d",
        "w",
    ];
    const LONG: [&str; 7] = ["hour", "hours", "hrs", "day", "days", "week", "weeks"];
    let mut rest = text.trim_start_matches(['+', '-']).trim();
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
        let Some(end) = number.filter(|end| *end > 0) else { return false };
        rest = rest[end..].trim_start();
        let end = rest.find(|letter: char| !letter.is_alphabetic()).unwrap_or(rest.len());
        let unit = rest[..end].to_lowercase();
        if !UNITS.contains(&&*unit) && !LONG.contains(&&*unit) {
            return false;
        }
        rest = rest[end..].trim_start();
        parts += 1;
    }
    parts > 0
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_atom = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-.".contains(&byte) || byte > 127
    };
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && all(local, is_atom)
        && is_hostname(domain)
}

fn is_hex_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or(text);
    matches!(digits.len(), 3 | 6) && all(digits, |byte| byte.is_ascii_hexdigit())
}

fn is_hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
    };
    !name.is_empty() && name.len() <= 255 && name.split('.').all(is_label)
}

fn is_short_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_end = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= 63
        && is_end(bytes.first())
        && is_end(bytes.last())
        && all(text, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_long_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| label.len() > 63 || is_short_name(label))
        && !text.is_empty()
}

fn is_mac(text: &str) -> bool {
    let by = |separator: char, group: usize| {
        let groups: Vec<&str> = text.split(separator).collect();
        let bytes = groups.len() * group / 2;
        matches!(bytes, 6 | 8 | 20)
            && groups.iter().all(|part| part.len() == group)
            && groups.iter().all(|part| all(part, |byte| byte.is_ascii_hexdigit()))
    };
    by(':', 2) || by('-', 2) || by('.', 4)
}

fn is_rgb(text: &str) -> bool {
    let inner = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')'));
    let Some(inner) = inner else { return false };
    let parts: Vec<&str> = inner.split(',').map(str::trim).collect();
    parts.len() == 3
        && parts.iter().all(|part| digits(part) && part.parse::<u16>().is_ok_and(|n| n <= 255))
}

fn is_ssn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', ' ']).collect();
    matches!(&parts[..], [a, b, c]
        if a.len() == 3 && b.len() == 2 && c.len() == 4 && [a, b, c].iter().all(|part| digits(part)))
}

/// An absolute URI, or a path from the root.
fn is_uri(text: &str) -> bool {
    if text.is_empty() || text.contains(|letter: char| letter.is_control() || letter == ' ') {
        return false;
    }
    if text.starts_with('/') {
        return true;
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && all(scheme, |byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme && has_sound_host(rest) && has_sound_escapes(rest)
}

fn has_sound_host(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix("//") else { return true };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(inner) => {
            let address = inner.split(']').next().unwrap_or_default();
            address.split('%').next().unwrap_or_default().parse::<IpAddr>().is_ok()
        }
        None => match host.rsplit_once(':') {
            Some((_, port)) => port.is_empty() || digits(port),
            None => true,
        },
    }
}

fn has_sound_escapes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_hex = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_hexdigit);
    (0..bytes.len()).all(|place| bytes[place] != b'%' || (is_hex(place + 1) && is_hex(place + 2)))
}

fn is_uuid(text: &str, version: Option<char>) -> bool {
    let hex: String = text.chars().filter(|letter| *letter != '-').collect();
    let places: Vec<usize> = text.match_indices('-').map(|(place, _)| place).collect();
    let is_grouped = places.is_empty() || places == [8, 13, 18, 23];
    let variant = hex.chars().nth(16).map(|letter| letter.to_ascii_lowercase());
    hex.len() == 32
        && is_grouped
        && all(&hex, |byte| byte.is_ascii_hexdigit())
        && version.is_none_or(|version| hex.chars().nth(12) == Some(version))
        && (!matches!(version, Some('4' | '5')) || matches!(variant, Some('8' | '9' | 'a' | 'b')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, good: &[&str], bad: &[&str]) {
        let format = Format::from_word(format).unwrap();
        for text in good {
            assert!(format.fits(text), "{} {text:?}", format.word());
        }
        for text in bad {
            assert!(!format.fits(text), "{} {text:?}", format.word());
        }
    }

    #[test]
    fn formats_take_what_they_name() {
        check(
            "date-time",
            &["2020-01-02T03:04:05Z", "2020-01-02T03:04:05.6+01:00"],
            &["2020-01-02", "x"],
        );
        check("date", &["2020-02-29"], &["2021-02-29", "20200101"]);
        check("duration", &["1h30m", "3 days", "-1.5s", "0"], &["h", "5", "1 fortnight"]);
        check("ipv4", &["1.2.3.4"], &["1.2.3", "::1"]);
        check("ipv6", &["::1"], &["1.2.3.4"]);
        check("cidr", &["10.0.0.0/8", "fd00::/8"], &["10.0.0.0", "10.0.0.0/33"]);
        check("email", &["a@b.io"], &["a", "@b", "a@-b"]);
        check("hostname", &["a.b-c", "a"], &["-a", "a..b", ""]);
        check("uri", &["http://a.b/c?d", "/x", "urn:x"], &["a b", "", "x", "http://a:b/"]);
        check("uuid", &["123e4567-e89b-12d3-a456-426614174000"], &["123e4567"]);
        check(
            "uuid4",
            &["123e4567-e89b-42d3-a456-426614174000"],
            &["123e4567-e89b-12d3-a456-426614174000"],
        );
        check("byte", &["aGk=", "aGlp"], &["aGk", "a k="]);
        check("mac", &["01:02:03:04:05:06"], &["01:02", "01:02:03:04:05:0g"]);
        check("hexcolor", &["#fff", "00ff00"], &["#ff"]);
        check("rgbcolor", &["rgb(1, 2,255)"], &["rgb(1,2,256)", "rgb(1,2)"]);
        check("creditcard", &["4111-1111-1111-1111"], &["4111-1111-1111-1112"]);
        check("isbn", &["0-306-40615-2", "978-0-306-40615-7"], &["0-306-40615-3"]);
        check("ssn", &["111-22-3333"], &["11-22-3333"]);
        check("bsonobjectid", &["507f1f77bcf86cd799439011"], &["507f"]);
        check("k8s-short-name", &["a-b"], &["A", "a.b"]);
        check("k8s-long-name", &["a.b-c"], &["a..b", ""]);
        check("password", &["anything"], &[]);
        assert_eq!(Format::from_word("int64"), None);
    }
}
