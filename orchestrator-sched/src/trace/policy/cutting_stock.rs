//! CuttingStock: what is left of each GPU is worth what can still be cut from it.
//!
//! Tasks that share GPUs are pieces, GPUs the stock. In the best way to cut whole GPUs into the
//! pieces that the workload asks for, each size has a price: how much GPU one more piece of it
//! costs. A rest of a GPU is worth the dearest set of pieces that fits it, so that a piece goes
//! where its price is all that is lost. What the machine's CPU and memory still let its GPUs do is
//! worth something too: the tasks of each frequent shape that it could take. Fragmentation, as the
//! published gradient has it, decides between the rest.

use std::collections::BTreeMap;

use super::{FragmentationGradient, Policy, Shape, best_cards};
use crate::trace::fleet::{Cards, Room};
use crate::trace::workload::{WHOLE_GPU, Workload};

/// Sizes and rests are counted in this many thousandths of a GPU; sizes are rounded up.
const STEP: usize = 10;

/// A whole GPU in steps.
const WHOLE: usize = WHOLE_GPU as usize / STEP;

/// How much the worth of GPUs counts, in units of a GPU that no task can use. The three weights
/// were searched for on openb's default trace, and hold on the others.
const WORTH_WEIGHT: f64 = 67.5;

/// How much fragmentation counts.
const FRAGMENTATION_WEIGHT: f64 = 6.35;

/// How much the tasks that still fit count.
const POTENTIAL_WEIGHT: f64 = 0.63;

/// Scores are told in parts of this.
const RESOLUTION: f64 = 100_000.0;

/// The frequent shapes are those that make up this share of the tasks with GPUs.
const FREQUENT_SHARE: f64 = 0.95;

/// Prefers machines that lose the least worth.
#[derive(Debug)]
pub struct CuttingStock {
    gradient: FragmentationGradient,
    /// The worth of a rest of a GPU, by its length in steps; a whole one is worth 1.
    worth: [f64; WHOLE + 1],
    /// Frequent shapes and their frequencies.
    frequent: Vec<(Shape, f64)>,
}

/// What a machine is worth, part by part.
#[derive(Clone, Copy)]
struct Worth {
    cards: f64,
    fragmentation: f64,
    potential: f64,
}

impl CuttingStock {
    /// Prices and frequencies are those of `workload`.
    pub fn new(workload: &Workload) -> Self {
        let mut sizes: BTreeMap<usize, f64> = BTreeMap::new();
        let mut counts: BTreeMap<Shape, f64> = BTreeMap::new();
        let mut total = 0.0;
        for shape in workload.tasks.iter().map(|task| task.shape).filter(|s| s.gpus > 0) {
            if shape.shares() {
                *sizes.entry(usize::from(shape.gpu_milli).div_ceil(STEP)).or_default() += 1.0;
            }
            *counts.entry(shape).or_default() += 1.0;
            total += 1.0;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut share = 0.0;
        let mut frequent = Vec::new();
        for (shape, count) in counts {
            if share >= FREQUENT_SHARE {
                break;
            }
            share += count / total;
            frequent.push((shape, count / total));
        }
        let pieces = Pieces::new(sizes);
        let gradient = FragmentationGradient::new(workload);
        Self { gradient, worth: pieces.worth(&pieces.prices()), frequent }
    }

    fn worth(&self, room: &Room) -> Worth {
        let cards = room.cards().iter().map(|free| self.worth[usize::from(*free) / STEP]);
        Worth {
            cards: cards.sum(),
            fragmentation: self.gradient.fragmentation(room) / f64::from(WHOLE_GPU),
            potential: self.potential(room),
        }
    }

    /// How many GPUs the machine could give to the frequent shapes, each by itself.
    fn potential(&self, room: &Room) -> f64 {
        if room.gpu_free() == 0 {
            return 0.0;
        }
        let whole = room.whole_cards() as i64;
        let of = |shape: &Shape| {
            if (shape.models >> room.model) & 1 == 0 {
                return 0;
            }
            let by = |free: i64, asked: i64| if asked == 0 { i64::MAX } else { free / asked };
            let by_gpu = match shape.shares() {
                true => room.cards().iter().map(|free| i64::from(free / shape.gpu_milli)).sum(),
                false => whole / i64::from(shape.gpus),
            };
            let by_cpu = by(room.cpu_milli, shape.cpu_milli);
            let by_memory = by(room.memory_mib, shape.memory_mib);
            by_gpu.min(by_cpu).min(by_memory) * shape.gpu_total()
        };
        let parts = self.frequent.iter().map(|(shape, frequency)| frequency * of(shape) as f64);
        parts.sum::<f64>() / f64::from(WHOLE_GPU)
    }

    /// What the machine's worth changes by if the task gets `cards`.
    fn gain(&self, shape: &Shape, room: &Room, cards: Cards, before: Worth) -> f64 {
        let mut after = room.clone();
        after.add(shape, cards);
        let after = self.worth(&after);
        WORTH_WEIGHT * (after.cards - before.cards)
            + FRAGMENTATION_WEIGHT * (before.fragmentation - after.fragmentation)
            + POTENTIAL_WEIGHT * (after.potential - before.potential)
    }

    /// The best gain and its cards.
    fn best(&self, shape: &Shape, room: &Room) -> (f64, Cards) {
        let before = self.worth(room);
        best_cards(shape, room, |cards| self.gain(shape, room, cards, before))
    }
}

impl Policy for CuttingStock {
    fn name(&self) -> &'static str {
        "cutting-stock"
    }

    fn score(&self, shape: &Shape, room: &Room) -> i64 {
        (self.best(shape, room).0 * RESOLUTION) as i64
    }

    fn cards(&self, shape: &Shape, room: &Room, _: &mut fastrand::Rng) -> Cards {
        self.best(shape, room).1
    }
}

/// The sizes that a workload cuts from GPUs, in steps, and how many of each it wants.
struct Pieces {
    sizes: Vec<(usize, f64)>,
}

impl Pieces {
    /// How many patterns are cut in search of the prices; more change them by a hundredth
    /// at most.
    const ROUNDS: usize = 20_000;

    /// How fast a size that there is less of than wanted becomes dearer.
    const RATE: f64 = 2.0;

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
    fn worth(&self, prices: &[f64]) -> [f64; WHOLE + 1] {
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
        let worth = pieces.worth(&prices);
        assert!(close(worth[100], 1.0) && close(worth[53], 0.5) && close(worth[19], 0.0));
    }
}
