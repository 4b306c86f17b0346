//! A range of numbers, of which some are taken.

use std::collections::BTreeSet;

/// The numbers `first..=last`, and those of further ranges.
///
/// A new number is drawn from the upper part of the range as long as that has any, so that the
/// lower part stays free for those who ask for a number of their own; further ranges come after.
#[derive(Debug)]
pub(crate) struct Pool {
    main: Span,
    more: Vec<Span>,
    taken: BTreeSet<u128>,
}

/// The numbers `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    first: u128,
    last: u128,
    /// The first number of the upper part.
    upper: u128,
}

impl Span {
    /// All of `first..=last`, where `lower` numbers are kept for those who ask for them.
    pub(crate) fn new(first: u128, last: u128, lower: u128) -> Self {
        Self { first, last, upper: first.saturating_add(lower).min(last) }
    }

    /// Whether `number` is in the range.
    pub(crate) fn contains(self, number: u128) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

impl Pool {
    /// All of `first..=last`, where `lower` numbers are kept for those who ask for them.
    pub(crate) fn new(first: u128, last: u128, lower: u128) -> Self {
        Self::of(Span::new(first, last, lower))
    }

    /// All of a range.
    pub(crate) fn of(main: Span) -> Self {
        Self { main, more: Vec::new(), taken: BTreeSet::new() }
    }

    /// Whether `number` is in the first range.
    pub(crate) fn is_main(&self, number: u128) -> bool {
        self.main.contains(number)
    }

    /// Has these ranges too, instead of those that it had besides its first.
    pub(crate) fn widen(&mut self, more: Vec<Span>) {
        self.more = more;
    }

    /// Whether `number` is in a range.
    pub(crate) fn contains(&self, number: u128) -> bool {
        self.main.contains(number) || self.more.iter().any(|span| span.contains(number))
    }

    /// Takes `number`; whether it was free.
    pub(crate) fn take(&mut self, number: u128) -> bool {
        self.taken.insert(number)
    }

    /// Whether `number` is taken.
    pub(crate) fn is_taken(&self, number: u128) -> bool {
        self.taken.contains(&number)
    }

    /// Gives all numbers back.
    pub(crate) fn free_all(&mut self) {
        self.taken.clear();
    }

    /// Gives `number` back.
    pub(crate) fn free(&mut self, number: u128) {
        self.taken.remove(&number);
    }

    /// Takes a free number, the first one from `start` (counted from the begin of a part) on.
    pub(crate) fn take_next(&mut self, start: u128) -> Option<u128> {
        let number = self.peek(start)?;
        self.take(number);
        Some(number)
    }

    /// The number that [`take_next`](Self::take_next) would take.
    pub(crate) fn peek(&self, start: u128) -> Option<u128> {
        let mut spans = std::iter::once(&self.main).chain(&self.more);
        spans.find_map(|span| {
            self.search(span.upper, span.last, start)
                .or_else(|| self.search(span.first, span.upper.checked_sub(1)?, start))
        })
    }

    /// The first free number of `first..=last` in the circle that begins at `start`.
    fn search(&self, first: u128, last: u128, start: u128) -> Option<u128> {
        let begin = first + start % (last.checked_sub(first)? + 1);
        self.gap(begin, last).or_else(|| self.gap(first, begin.checked_sub(1)?))
    }

    /// The first free number of `from..=to`.
    fn gap(&self, from: u128, to: u128) -> Option<u128> {
        let mut free = from;
        for taken in self.taken.range(from..) {
            if *taken > free {
                break;
            }
            free = taken + 1;
        }
        (free <= to).then_some(free)
    }

    /// How many numbers there are in the upper part, which `start` may be drawn from.
    pub(crate) fn spread(&self) -> u64 {
        u64::try_from(self.main.last - self.main.upper).unwrap_or(u64::MAX).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_from_the_upper_part_until_it_is_full() {
        let mut pool = Pool::new(10, 15, 2);
        assert_eq!((pool.spread(), pool.contains(9), pool.contains(15)), (4, false, true));
        let all: Vec<_> = std::iter::from_fn(|| pool.take_next(2)).collect();
        assert_eq!(all, [14, 15, 12, 13, 10, 11]);
        pool.free(13);
        assert!(!pool.take(14));
        assert_eq!((pool.take_next(0), pool.take_next(0)), (Some(13), None));
    }

    #[test]
    fn further_ranges_are_drawn_from_when_the_first_is_full() {
        let mut pool = Pool::new(10, 11, 0);
        assert_eq!(
            [pool.take_next(0), pool.take_next(0), pool.take_next(0)],
            [Some(10), Some(11), None]
        );
        pool.widen(vec![Span::new(50, 51, 0)]);
        assert!(pool.contains(50) && pool.take_next(0) == Some(50));
        pool.widen(Vec::new());
        assert!(!pool.contains(50) && pool.is_taken(50));
    }

    proptest::proptest! {
        #[test]
        fn no_number_is_handed_out_twice(starts in proptest::collection::vec(0u128..50, 0..40)) {
            let mut pool = Pool::new(100, 120, 5);
            let mut seen = BTreeSet::new();
            for start in &starts {
                if let Some(number) = pool.take_next(*start) {
                    proptest::prop_assert!(pool.contains(number) && seen.insert(number));
                }
            }
            proptest::prop_assert_eq!(seen.len(), starts.len().min(21));
        }
    }
}
