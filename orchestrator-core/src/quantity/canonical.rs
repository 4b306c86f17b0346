//! Writing a quantity in its canonical form.

use std::fmt;

use super::{Format, NANO, Quantity};

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// The suffixes of 10^-9 to 10^18.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

/// Below this many units a binary suffix would round.
const BINARY_FROM: i128 = 1024 * NANO;

pub(super) fn write(quantity: Quantity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Quantity { nano, format } = quantity;
    if nano == 0 {
        return f.write_str("0");
    }
    let binary = nano.unsigned_abs() >= BINARY_FROM as u128 && nano % NANO == 0;
    if format == Format::BinarySi && binary {
        let (number, power) = reduce(nano / NANO, 1024, BINARY.len() - 1);
        return write!(f, "{number}{}", BINARY[power]);
    }
    // A power of 1000 rather than of ten, so that the exponent has a suffix.
    let (number, power) = reduce(nano, 1000, DECIMAL.len() - 1);
    match (format, power) {
        (Format::DecimalExponent, 3) => write!(f, "{number}"),
        (Format::DecimalExponent, _) => write!(f, "{number}e{}", 3 * power as i32 - 9),
        _ => write!(f, "{number}{}", DECIMAL[power]),
    }
}

/// Divides `number` by `base` while nothing is lost, at most `limit` times.
fn reduce(mut number: i128, base: i128, limit: usize) -> (i128, usize) {
    let mut power = 0;
    while power < limit && number % base == 0 {
        number /= base;
        power += 1;
    }
    (number, power)
}
