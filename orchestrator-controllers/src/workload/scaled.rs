//! Numbers that may be given as percentages.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// Which way a percentage is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// To the next greater whole.
    Up,
    /// To the next smaller whole.
    Down,
}

/// The number itself, or the percentage of `total`; `None` for a text that is no percentage.
pub(crate) fn scaled(value: &IntOrString, total: i32, round: Round) -> Option<i32> {
    match value {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(text) => {
            let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
            let product = percent.checked_mul(i64::from(total))?;
            let whole = match round {
                Round::Up => product.div_euclid(100) + i64::from(product.rem_euclid(100) != 0),
                Round::Down => product.div_euclid(100),
            };
            i32::try_from(whole).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_as_asked() {
        let text = |text: &str| IntOrString::String(text.into());
        let cases = [
            (IntOrString::Int(3), 10, Some(3), Some(3)),
            (text("25%"), 10, Some(3), Some(2)),
            (text("0%"), 10, Some(0), Some(0)),
            (text("100%"), 7, Some(7), Some(7)),
            (text("25"), 10, None, None),
            (text("9223372036854775807%"), 10, None, None),
        ];
        for (value, total, up, down) in cases {
            assert_eq!(scaled(&value, total, Round::Up), up, "{value:?}");
            assert_eq!(scaled(&value, total, Round::Down), down, "{value:?}");
        }
    }
}
