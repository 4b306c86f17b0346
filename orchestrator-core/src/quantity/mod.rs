//! `Quantity`: a fixed-point number with a unit, as in `500m` CPUs or `1Gi` of memory.
//!
//! A quantity is a whole number of nano-units in 128 bits, so sums and comparisons are exact.
//! What is smaller than one nano-unit rounds away from zero when it is read (who asks for some
//! gets some), what is larger than 2^127 nano-units is cut off there. Each value keeps the
//! [`Format`] it was written in, and prints in the canonical form of that format: no fraction,
//! the largest unit that loses nothing.

mod canonical;
mod parse;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use parse::QuantityError;

const NANO: i128 = 1_000_000_000;
const MILLI: i128 = 1_000_000;

/// The family of suffixes that a quantity is written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `n u m k M G T P E`: powers of 1000.
    #[default]
    DecimalSi,
    /// `Ki Mi Gi Ti Pi Ei`: powers of 1024.
    BinarySi,
    /// `e3`, `E-6`: powers of ten.
    DecimalExponent,
}

/// A fixed-point number with a unit.
///
/// Equality and order compare the amount only: `1000m`, `1` and `1e0` are equal.
///
/// # Examples
/// ```
/// use orchestrator_core::Quantity;
/// let cpu: Quantity = "0.5".parse()?;
/// assert_eq!(cpu.to_string(), "500m");
/// assert_eq!((cpu + "1".parse()?).milli_value(), 1500);
/// # Ok::<(), orchestrator_core::quantity::QuantityError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity { nano: 0, format: Format::DecimalSi };

    /// `value` whole units.
    pub fn new(value: i64, format: Format) -> Self {
        Self { nano: i128::from(value) * NANO, format }
    }

    /// `value` thousandths of a unit.
    pub fn from_milli(value: i64, format: Format) -> Self {
        Self { nano: i128::from(value) * MILLI, format }
    }

    /// The format it was written in.
    pub fn format(self) -> Format {
        self.format
    }

    /// Whole units, a fraction rounded away from zero.
    pub fn value(self) -> i64 {
        self.scaled(NANO)
    }

    /// Thousandths, a fraction of one rounded away from zero.
    pub fn milli_value(self) -> i64 {
        self.scaled(MILLI)
    }

    /// Billionths of a unit; exact.
    pub fn nano_value(self) -> i128 {
        self.nano
    }

    /// Whether the amount is zero.
    pub fn is_zero(self) -> bool {
        self.nano == 0
    }

    /// -1, 0 or 1 for an amount below, at or above zero.
    pub fn signum(self) -> i32 {
        self.nano.signum() as i32
    }

    /// Whether the amount has no fraction of a unit.
    pub fn is_integer(self) -> bool {
        self.nano % NANO == 0
    }

    /// The amount as a floating-point number, for shares and ratios.
    pub fn as_f64(self) -> f64 {
        self.nano as f64 / NANO as f64
    }

    /// The amount times `factor`, cut off at the bounds.
    #[must_use]
    pub fn times(self, factor: i64) -> Self {
        Self { nano: self.nano.saturating_mul(i128::from(factor)), ..self }
    }

    fn scaled(self, unit: i128) -> i64 {
        let whole = self.nano / unit;
        let away = if self.nano % unit == 0 { 0 } else { self.nano.signum() };
        (whole + away).clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// The format of a sum: zero has none of its own.
    fn format_with(self, other: Self) -> Format {
        if self.is_zero() { other.format } else { self.format }
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_add(other.nano), format: self.format_with(other) }
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { nano: self.nano.saturating_sub(other.nano), format: self.format_with(other) }
    }
}

impl Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self { nano: self.nano.saturating_neg(), ..self }
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nano.hash(state);
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse::parse(text)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        canonical::write(*self, f)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
                text.trim().parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Quantity, E> {
                Ok(Quantity::new(value, Format::DecimalSi))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Quantity, E> {
                value.to_string().parse().map_err(E::custom)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Quantity, E> {
                value.to_string().parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests;
