//! Numbers: ranges and multiples.

use serde_json::Number;

use super::Walk;
use super::view::{View, is_whole};
use crate::schema::{Structural, Type};

impl Walk {
    pub(super) fn number(&mut self, schema: &Structural, number: &Number) {
        self.matches += 1;
        let checks = &schema.checks;
        let is_integer = schema.ty == Some(Type::Integer);
        if is_integer && !is_whole(number) {
            let path = self.at.path();
            let why = format!("Checked value must be of type integer (default format) in {path}");
            self.remark(&why);
        }
        let Some(float) = number.as_f64() else { return };
        if let Some(factor) = checks.multiple_of
            && !is_multiple(float, factor)
        {
            let rule = format!("should be a multiple of {}", shown(factor));
            self.breaks(View::Number(number), &rule);
        }
        if let Some(min) = checks.minimum {
            let (below, words) = match checks.exclusive_minimum {
                true => (float <= min, "greater than"),
                false => (float < min, "greater than or equal to"),
            };
            if below {
                self.breaks(View::Number(number), &format!("should be {words} {}", shown(min)));
            }
        }
        if let Some(max) = checks.maximum {
            let (above, words) = match checks.exclusive_maximum {
                true => (float >= max, "less than"),
                false => (float > max, "less than or equal to"),
            };
            if above {
                self.breaks(View::Number(number), &format!("should be {words} {}", shown(max)));
            }
        }
    }
}

fn is_multiple(number: f64, factor: f64) -> bool {
    factor > 0.0 && (number / factor).fract() == 0.0
}

/// A limit as Go prints it.
pub(crate) fn shown(number: f64) -> String {
    let exponent = if number == 0.0 { 0.0 } else { number.abs().log10().floor() };
    if (-4.0..21.0).contains(&exponent) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}
