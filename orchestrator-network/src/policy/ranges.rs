//! Ranges of numbers that do not touch, as interval sets want them.

/// Ranges with both ends included, apart and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    /// These ranges, joined where they meet.
    pub(super) fn of(ranges: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|(from, to)| from <= to).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match joined.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        Self(joined)
    }

    /// Those numbers that are not in `others`.
    pub(super) fn without(&self, others: &Self) -> Self {
        let mut left = Vec::new();
        for (from, to) in &self.0 {
            let mut next = Some(*from);
            for (start, end) in &others.0 {
                let Some(at) = next else { break };
                if *end < at || *start > *to {
                    continue;
                }
                if *start > at {
                    left.push((at, start - 1));
                }
                next = end.checked_add(1).filter(|next| next <= to);
            }
            left.extend(next.map(|at| (at, *to)));
        }
        Self(left)
    }

    /// The ranges in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u128, u128)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(ranges: &Ranges, number: u128) -> bool {
        ranges.iter().any(|(from, to)| from <= number && number <= to)
    }

    fn any_ranges() -> impl Strategy<Value = Vec<(u128, u128)>> {
        proptest::collection::vec((0u128..40, 0u128..10), 0..5)
            .prop_map(|ranges| ranges.into_iter().map(|(from, len)| (from, from + len)).collect())
    }

    proptest! {
        #[test]
        fn ranges_hold_what_was_put_in_and_not_what_was_taken_out(
            put in any_ranges(),
            taken in any_ranges(),
        ) {
            let (all, out) = (Ranges::of(put.clone()), Ranges::of(taken.clone()));
            let left = all.without(&out);
            let inside = |ranges: &[(u128, u128)], n| ranges.iter().any(|(a, b)| *a <= n && n <= *b);
            for number in 0..60 {
                prop_assert_eq!(contains(&all, number), inside(&put, number));
                let stays = inside(&put, number) && !inside(&taken, number);
                prop_assert_eq!(contains(&left, number), stays, "{}", number);
            }
            let apart = |ranges: &Ranges| ranges.0.windows(2).all(|two| two[0].1 + 1 < two[1].0);
            prop_assert!(apart(&all));
        }
    }

    #[test]
    fn the_last_number_is_no_edge() {
        let all = Ranges::of([(0, u128::MAX)]);
        let upper = Ranges::of([(7, u128::MAX)]);
        assert_eq!(all.without(&upper), Ranges::of([(0, 6)]));
        assert_eq!(all.without(&all), Ranges::default());
    }
}
