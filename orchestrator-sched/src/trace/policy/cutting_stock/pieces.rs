//! What a rest of a GPU is worth.
//!
//! In the best way to cut whole GPUs into the pieces that a workload asks for, each size has a
//! price: how much GPU one more piece of it costs. A rest is worth the dearest set of pieces that
//! fits it.

use std::collections::BTreeMap;

use crate::trace::workload::{Shape, WHOLE_GPU, Workload};

/// Sizes and rests are counted in this many thousandths of a GPU; sizes are rounded up.
pub(super) const STEP: usize = 10;

/// A whole GPU in steps.
pub(super) const WHOLE: usize = WHOLE_GPU as usize / STEP;

/// The sizes that a workload cuts from GPUs, in steps, and how many of each it wants.
pub(super) struct Pieces {
    sizes: Vec<(usize, f64)>,
}

impl Pieces {
    /// How many patterns are cut in search of the prices; more change them by a hundredth
    /// at most.
    const ROUNDS: usize = 20_000;

    /// How fast a size that there is less of than wanted becomes dearer.
    const RATE: f64 = 2.0;

    /// The sizes that tasks which share GPUs ask for.
    pub(super) fn of(workload: &Workload) -> Self {
        let mut sizes: BTreeMap<usize, f64> = BTreeMap::new();
        for shape in workload.tasks.iter().map(|task| task.shape).filter(Shape::shares) {
            *sizes.entry(usize::from(shape.gpu_milli).div_ceil(STEP)).or_default() += 1.0;
        }
        Self::new(sizes)
    }

    fn new(sizes: BTreeMap<usize, f64>) -> Self {
        Self { sizes: sizes.into_iter().collect() }
    }

    /// What one more piece of each size costs, in whole GPUs.
    ///
    /// GPUs are cut one after the other, each in the pattern that is worth most; what is made too
    /// much of becomes cheap. The prices of the second half are averaged: they approach the dual
    /// solution of the cutting-stock problem.
    fn prices(&self) -> Vec<f64> {
        let mut prices: Vec<f64> = self.sizes.iter().map(|(size, _)| *size as f64).collect();
        let mut made = vec![0.0; prices.len()];
        let mut sums = vec![0.0; prices.len()];
        for round in 0..Self::ROUNDS {
            for (kind, count) in self.best_pattern(&prices) {
                made[kind] += count / self.sizes[kind].1;
            }
            let least = made.iter().copied().fold(f64::INFINITY, f64::min);
            for (kind, price) in prices.iter_mut().enumerate() {
                *price = (-Self::RATE * (made[kind] - least)).exp() / self.sizes[kind].1;
            }
            if round >= Self::ROUNDS / 2 {
                let pattern = self.best_pattern(&prices);
                let whole: f64 = pattern.iter().map(|(kind, count)| count * prices[*kind]).sum();
                sums.iter_mut().zip(&prices).for_each(|(sum, price)| *sum += price / whole);
            }
        }
        let rounds = (Self::ROUNDS - Self::ROUNDS / 2) as f64;
        sums.into_iter().map(|sum| sum / rounds).collect()
    }

    /// What each length of a rest is worth: the dearest set of pieces that fits.
    pub(super) fn worth(&self) -> [f64; WHOLE + 1] {
        self.worth_at(&self.prices())
    }

    fn worth_at(&self, prices: &[f64]) -> [f64; WHOLE + 1] {
        let mut worth = [0.0; WHOLE + 1];
        for length in 1..=WHOLE {
            worth[length] = worth[length - 1];
            for ((size, _), price) in self.sizes.iter().zip(prices) {
                if *size <= length {
                    worth[length] = f64::max(worth[length], worth[length - size] + price);
                }
            }
        }
        // Without pieces, a GPU is worth something only while it is whole.
        if self.sizes.is_empty() {
            worth[WHOLE] = 1.0;
        }
        worth
    }

    /// The pieces, by kind and count, that are worth most of all that fit a whole GPU.
    fn best_pattern(&self, prices: &[f64]) -> Vec<(usize, f64)> {
        let mut worth = [0.0; WHOLE + 1];
        let mut last: [Option<usize>; WHOLE + 1] = [None; WHOLE + 1];
        for length in 1..=WHOLE {
            worth[length] = worth[length - 1];
            for (kind, ((size, _), price)) in self.sizes.iter().zip(prices).enumerate() {
                if *size <= length && worth[length - size] + price > worth[length] {
                    (worth[length], last[length]) = (worth[length - size] + price, Some(kind));
                }
            }
        }
        let mut pattern: BTreeMap<usize, f64> = BTreeMap::new();
        let mut length = WHOLE;
        while length > 0 {
            match last[length] {
                Some(kind) => {
                    *pattern.entry(kind).or_default() += 1.0;
                    length -= self.sizes[kind].0;
                }
                None => length -= 1,
            }
        }
        pattern.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_costs_what_it_keeps_others_from() {
        let wanted = [(16, 70.0), (47, 760.0), (81, 1000.0)];
        let pieces = Pieces::new(wanted.into());
        let prices = pieces.prices();
        let close = |a: f64, b: f64| (a - b).abs() < 0.02;
        assert!(close(prices[2], 1.0), "nothing wanted goes beside 0.81: {prices:?}");
        assert!(close(prices[1], 0.5), "two go on one GPU: {prices:?}");
        assert!(close(prices[0], 0.0), "there is room enough beside 0.81: {prices:?}");
        let worth = pieces.worth_at(&prices);
        assert!(close(worth[100], 1.0) && close(worth[53], 0.5) && close(worth[19], 0.0));
    }
}
