//! Writing DER: as much of it as a certificate takes.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// From this year on times are written with four digits of the year.
const GENERALIZED_FROM: i16 = 2050;

/// A value with its tag and length.
pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = content.len().to_be_bytes();
            let length = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            out.push(0x80 | u8::try_from(length.len()).expect("a length has 8 bytes at most"));
            out.extend_from_slice(length);
        }
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(SEQUENCE, &parts.concat())
}

/// An object identifier, given in its encoded form.
pub(super) fn oid(encoded: &[u8]) -> Vec<u8> {
    tagged(OID, encoded)
}

pub(super) fn yes() -> Vec<u8> {
    tagged(BOOLEAN, &[0xff])
}

/// A number that is not negative.
pub(super) fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
    let mut content = bytes[zeros..].to_vec();
    if content[0] & 0x80 != 0 {
        content.insert(0, 0);
    }
    tagged(INTEGER, &content)
}

pub(super) fn octets(content: &[u8]) -> Vec<u8> {
    tagged(OCTET_STRING, content)
}

/// Whole bytes as a string of bits.
pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    tagged(BIT_STRING, &[&[0], content].concat())
}

/// A list of flags, the first of which is the highest bit of the first byte; as DER wants it,
/// without the zeros at its end.
pub(super) fn flags(flags: u16) -> Vec<u8> {
    let unused = flags.trailing_zeros().min(16);
    let bytes = usize::try_from((16 - unused).div_ceil(8)).expect("two at most");
    let rest = u8::try_from(unused % 8).expect("seven at most");
    tagged(BIT_STRING, &[&[rest], &flags.to_be_bytes()[..bytes]].concat())
}

/// A time in whole seconds.
pub(super) fn time(at: Timestamp) -> Vec<u8> {
    let at = at.to_zoned(TimeZone::UTC);
    if at.year() < GENERALIZED_FROM {
        tagged(UTC_TIME, at.strftime("%y%m%d%H%M%SZ").to_string().as_bytes())
    } else {
        tagged(GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_flags_are_as_short_as_can_be() {
        assert_eq!(integer(0), [2, 1, 0]);
        assert_eq!(integer(127), [2, 1, 127]);
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(integer(256), [2, 2, 1, 0]);
        assert_eq!(flags(0x8000), [3, 2, 7, 0x80]);
        assert_eq!(flags(0xa000), [3, 2, 5, 0xa0]);
        assert_eq!(flags(0x0080), [3, 3, 7, 0, 0x80]);
        assert_eq!(flags(0), [3, 1, 0]);
    }

    #[test]
    fn long_values_have_long_lengths() {
        assert_eq!(octets(&[0; 127])[..2], [4, 127]);
        assert_eq!(octets(&[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(octets(&[0; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn times_have_two_digits_of_the_year_until_2050() {
        let text = |at: &str| String::from_utf8(time(at.parse().unwrap())[2..].to_vec()).unwrap();
        assert_eq!(text("2026-11-22T01:02:03Z"), "261122010203Z");
        assert_eq!(text("2050-01-01T00:00:00Z"), "20500101000000Z");
    }
}
