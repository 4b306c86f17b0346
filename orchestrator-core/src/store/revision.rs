//! The order of writes, as numbers.

use std::fmt;

/// The place of a write in the one order of all writes; the store starts at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// No revision: the newest where one is asked for, none where one is told.
    pub const ZERO: Self = Self(0);

    /// The revision `number`.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is [`ZERO`](Self::ZERO).
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
