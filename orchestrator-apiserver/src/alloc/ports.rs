//! The node ports of services.

use super::pool::Pool;

/// The pool of the ports `first..=last`.
pub(super) fn pool((first, last): (u16, u16)) -> Pool {
    let size = u128::from(last.saturating_sub(first)) + 1;
    // The part kept for those who choose: a thirty-second of the range, between 16 and 128.
    let lower = if size <= 16 { 0 } else { (size / 32).clamp(16, 128) };
    Pool::new(u128::from(first), u128::from(last), lower)
}
