//! Reading a quantity: sign, digits, fraction, suffix.

use super::{Format, NANO, Quantity};

/// Why a text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// It does not look like a number with a suffix.
    #[error(
        "quantities must match the regular expression \
         '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    /// There is no number before the suffix.
    #[error("unable to parse numeric part of quantity")]
    Number,
    /// The suffix is not one of those known.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// Digits of a fraction that count; the rest rounds up.
const FRACTION_DIGITS: usize = 18;

/// The largest amount in a binary format, which is where 64 bits end.
const MAX_BINARY: i128 = i64::MAX as i128 * NANO;

enum Scale {
    /// A power of ten.
    Ten(i32),
    /// A power of two.
    Two(u32),
}

pub(super) fn parse(text: &str) -> Result<Quantity, QuantityError> {
    let (negative, unsigned) = match text.as_bytes().first() {
        None => return Err(QuantityError::Format),
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) => (false, text),
    };
    let (whole, rest) = split_digits(unsigned);
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    check_suffix(suffix)?;
    let (scale, mut format) = read_suffix(suffix).ok_or(QuantityError::Suffix)?;
    let magnitude = match scale {
        Scale::Ten(exponent) => decimal(whole, fraction, exponent),
        // Go reads these units another way, on which a missing number is an error, not zero.
        Scale::Two(50..) if unsigned.len() == suffix.len() => return Err(QuantityError::Number),
        Scale::Two(bits) => binary(whole, fraction, bits),
    };
    if format == Format::BinarySi && magnitude > 0 && magnitude < NANO {
        format = Format::DecimalSi;
    }
    Ok(Quantity { nano: if negative { -magnitude } else { magnitude }, format })
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Whether `suffix` has the form of one: letters, then perhaps a signed number.
fn check_suffix(suffix: &str) -> Result<(), QuantityError> {
    let number = suffix.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(QuantityError::Format)
    }
}

fn read_suffix(suffix: &str) -> Option<(Scale, Format)> {
    let (scale, format) = match suffix {
        "n" => (Scale::Ten(-9), Format::DecimalSi),
        "u" => (Scale::Ten(-6), Format::DecimalSi),
        "m" => (Scale::Ten(-3), Format::DecimalSi),
        "" => (Scale::Ten(0), Format::DecimalSi),
        "k" => (Scale::Ten(3), Format::DecimalSi),
        "M" => (Scale::Ten(6), Format::DecimalSi),
        "G" => (Scale::Ten(9), Format::DecimalSi),
        "T" => (Scale::Ten(12), Format::DecimalSi),
        "P" => (Scale::Ten(15), Format::DecimalSi),
        "E" => (Scale::Ten(18), Format::DecimalSi),
        "Ki" => (Scale::Two(10), Format::BinarySi),
        "Mi" => (Scale::Two(20), Format::BinarySi),
        "Gi" => (Scale::Two(30), Format::BinarySi),
        "Ti" => (Scale::Two(40), Format::BinarySi),
        "Pi" => (Scale::Two(50), Format::BinarySi),
        "Ei" => (Scale::Two(60), Format::BinarySi),
        _ => {
            let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            (Scale::Ten(exponent.clamp(-1000, 1000) as i32), Format::DecimalExponent)
        }
    };
    Some((scale, format))
}

/// `whole.fraction * 10^exponent` in nano-units.
fn decimal(whole: &str, fraction: &str, exponent: i32) -> i128 {
    let digits = [whole, fraction].concat();
    let digits = digits.trim_start_matches('0');
    let shift = i64::from(exponent) + 9 - fraction.len() as i64;
    if digits.is_empty() {
        return 0;
    }
    if shift >= 0 {
        let power = 10_i128.checked_pow(shift as u32);
        return power.map_or(i128::MAX, |power| number(digits).saturating_mul(power));
    }
    let kept = digits.len().saturating_sub(shift.unsigned_abs() as usize);
    let (kept, dropped) = digits.split_at(kept);
    number(kept).saturating_add(i128::from(!all_zero(dropped)))
}

/// `whole.fraction * 2^bits` in nano-units.
fn binary(whole: &str, fraction: &str, bits: u32) -> i128 {
    let (counted, rest) = fraction.split_at(fraction.len().min(FRACTION_DIGITS));
    let parts = number(counted) + i128::from(!all_zero(rest));
    let divisor = 10_i128.pow(counted.len() as u32);
    // Below 10^18 * 2^60, so this fits.
    let scaled = parts << bits;
    let nano = scaled / divisor * NANO + div_ceil(scaled % divisor * NANO, divisor);
    let whole = number(whole).saturating_mul(1 << bits).saturating_mul(NANO);
    whole.saturating_add(nano).min(MAX_BINARY)
}

/// The number that decimal digits spell, cut off at the largest.
fn number(digits: &str) -> i128 {
    digits.bytes().fold(0_i128, |number, digit| {
        number.saturating_mul(10).saturating_add(i128::from(digit - b'0'))
    })
}

fn all_zero(digits: &str) -> bool {
    digits.bytes().all(|digit| digit == b'0')
}

/// The quotient of two positive numbers, rounded up.
fn div_ceil(number: i128, divisor: i128) -> i128 {
    (number + divisor - 1) / divisor
}
