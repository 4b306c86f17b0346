//! Fit, least allocated and balanced allocation for all nodes in one pass, in vectors.
//!
//! A pass computes with shares of 32 bits and says of each node the most that its score can be,
//! or the least: scores are whole numbers, rounded down, and the shares' error matters only
//! next to one. Where the two differ the plugins' own arithmetic decides. One body is compiled
//! for processors with AVX-512, with AVX2, and for all.

use super::lanes::{CHUNK, Lane, Lanes};

/// The score of a node that does not take the pod.
pub(super) const UNFIT: f32 = -1.0;

/// More than the error of a sum of shares: four roundings to 24 bits.
const SHARE_ERROR: f32 = 1e-6;

/// More than the error of a hundredfold share.
const ERROR: f32 = 1e-4;

/// More than the error of a mean of scores, and less than its distance from the next whole number.
const MEAN_ERROR: f32 = 2e-5;

/// The sum of weights of which that is so.
pub(super) const MAX_WEIGHTS: i64 = 10_000;

/// What the pod asks for, and what the scores weigh.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub cpu: f32,
    pub memory: f32,
    pub storage: f32,
    pub cpu_scoring: f32,
    pub memory_scoring: f32,
    /// The weight of each resource in the mean of least allocated.
    pub cpu_weight: f32,
    pub memory_weight: f32,
    pub fit_weight: f32,
    /// 0 where balanced allocation has nothing to say.
    pub balanced_weight: f32,
}

/// Which end of what a score can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Most,
    Least,
}

/// A pass over chunks of nodes.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub lanes: &'a Lanes,
    pub asked: Asked,
    /// What is added to each node's score.
    pub base: Option<&'a Lane>,
    pub bound: Bound,
}

/// The scores of a chunk's nodes.
pub(super) type Scores = [f32; CHUNK];

impl Pass<'_> {
    /// Scores the chunks from `first` on; `peaks` gets the highest score of each.
    #[allow(unsafe_code)]
    pub fn run(self, first: usize, scores: &mut [Scores], peaks: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                // SAFETY: the processor has AVX-512.
                return unsafe { with_avx512(self, first, scores, peaks) };
            }
            if std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("fma")
            {
                // SAFETY: the processor has AVX2 and FMA.
                return unsafe { with_avx2(self, first, scores, peaks) };
            }
        }
        self.body::<false>(first, scores, peaks);
    }

    #[inline(always)]
    fn body<const FUSED: bool>(self, first: usize, scores: &mut [Scores], peaks: &mut [f32]) {
        let Asked { cpu, memory, cpu_scoring, memory_scoring, .. } = self.asked;
        match self.lanes.scores_differ == 0 && (cpu, memory) == (cpu_scoring, memory_scoring) {
            true => self.sweep::<FUSED, true>(first, scores, peaks),
            false => self.sweep::<FUSED, false>(first, scores, peaks),
        }
    }

    /// `SAME` where scores see the same amounts as filters, so that there is less to read.
    #[inline(always)]
    fn sweep<const FUSED: bool, const SAME: bool>(
        self,
        first: usize,
        scores: &mut [Scores],
        peaks: &mut [f32],
    ) {
        for (index, (scores, peak)) in scores.iter_mut().zip(peaks).enumerate() {
            self.score::<FUSED, SAME>(first + index, scores);
            if self.asked.storage > 0.0 {
                self.check_storage::<FUSED>(first + index, scores);
            }
            if let Some(base) = self.base {
                let base = &base[first + index];
                for at in 0..CHUNK {
                    let sum = scores[at] + base[at];
                    scores[at] = if scores[at] < 0.0 || sum < 0.0 { UNFIT } else { sum };
                }
            }
            *peak = highest(scores);
        }
    }

    #[inline(always)]
    fn score<const FUSED: bool, const SAME: bool>(&self, chunk: usize, scores: &mut Scores) {
        let Lanes { cpu, memory, cpu_scoring, memory_scoring, evenness, .. } = self.lanes;
        let (cpu_taken, cpu_inverse) = (&cpu.taken[chunk], &cpu.inverse[chunk]);
        let (memory_taken, memory_inverse) = (&memory.taken[chunk], &memory.inverse[chunk]);
        let (cpu_scoring, memory_scoring) = (&cpu_scoring[chunk], &memory_scoring[chunk]);
        let evenness = &evenness[chunk];
        let asked = self.asked;
        let sign = if self.bound == Bound::Most { 1.0 } else { -1.0 };
        let (hundred, most) = (100.0 + sign * ERROR, 1.0 + sign * SHARE_ERROR);
        let per_weight = 1.0 / (asked.cpu_weight + asked.memory_weight);
        for at in 0..CHUNK {
            let plus = |sum: f32, a: f32, b: f32| plus::<FUSED>(sum, a, b);
            let left = |used: f32| {
                let share = plus(hundred, used, -100.0).floor();
                // What filters see of a node that takes the pod is not too much.
                if SAME || share > 0.0 { share } else { 0.0 }
            };
            let cpu = plus(cpu_taken[at], asked.cpu, cpu_inverse[at]);
            let memory = plus(memory_taken[at], asked.memory, memory_inverse[at]);
            let (cpu_scored, memory_scored) = match SAME {
                true => (cpu, memory),
                false => (
                    plus(cpu_scoring[at], asked.cpu_scoring, cpu_inverse[at]),
                    plus(memory_scoring[at], asked.memory_scoring, memory_inverse[at]),
                ),
            };
            let (by_cpu, by_memory) = (left(cpu_scored), left(memory_scored));
            let sum = by_cpu * asked.cpu_weight + by_memory * asked.memory_weight;
            let least = plus(MEAN_ERROR, sum, per_weight).floor();
            let even = plus(hundred, (cpu - memory).abs(), -50.0).floor();
            let balanced = ((150.0 + even - evenness[at]) * 0.5).floor();
            let total = least * asked.fit_weight + balanced * asked.balanced_weight;
            scores[at] = if (cpu <= most) & (memory <= most) { total } else { UNFIT };
        }
    }

    #[inline(always)]
    fn check_storage<const FUSED: bool>(&self, chunk: usize, scores: &mut Scores) {
        let storage = &self.lanes.storage;
        let (taken, inverse) = (&storage.taken[chunk], &storage.inverse[chunk]);
        let sign = if self.bound == Bound::Most { 1.0 } else { -1.0 };
        for at in 0..CHUNK {
            let used = plus::<FUSED>(taken[at], self.asked.storage, inverse[at]);
            scores[at] = if used <= 1.0 + sign * SHARE_ERROR { scores[at] } else { UNFIT };
        }
    }
}

/// The sum and a product, rounded once where the processor can; elsewhere that would be slow.
#[inline(always)]
fn plus<const FUSED: bool>(sum: f32, a: f32, b: f32) -> f32 {
    if FUSED { a.mul_add(b, sum) } else { sum + a * b }
}

/// The highest score. They are whole numbers from [`UNFIT`] up, whose bits are in the same order
/// as they are; and bits can be compared in any order, which makes vectors of the loop.
#[inline(always)]
fn highest(scores: &Scores) -> f32 {
    let bits = scores.iter().map(|score| score.to_bits().cast_signed()).max();
    f32::from_bits(bits.map_or(UNFIT.to_bits(), i32::cast_unsigned))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn with_avx512(pass: Pass<'_>, first: usize, scores: &mut [Scores], peaks: &mut [f32]) {
    pass.body::<true>(first, scores, peaks);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2(pass: Pass<'_>, first: usize, scores: &mut [Scores], peaks: &mut [f32]) {
    pass.body::<true>(first, scores, peaks);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dense::exact::Exact;
    use crate::dense::log::Log;
    use crate::dense::plan::Plan;
    use crate::dense::row::Row;
    use crate::plugins;
    use crate::testing::pod;
    use proptest::prelude::*;
    use serde_json::json;

    /// What there is and what is taken of it, in round numbers or any.
    fn amounts(most: i64) -> impl Strategy<Value = (i64, i64)> {
        let round = (1..50i64, 0..=10i64).prop_map(move |(has, tenths)| {
            let has = has * (most / 50);
            (has, has * tenths / 10)
        });
        let any = (1..most).prop_flat_map(|has| (Just(has), 0..=has));
        prop_oneof![round, any]
    }

    fn row() -> impl Strategy<Value = Row> {
        let more = (0..2_000i64, 0..1i64 << 30, 0..3i64, any::<bool>());
        (amounts(100_000), amounts(1 << 42), more).prop_map(|(cpu, memory, more)| {
            let (more_cpu, more_memory, pods_taken, same) = more;
            let [more_cpu, more_memory] = [more_cpu, more_memory].map(|n| if same { 0 } else { n });
            Row {
                cpu: cpu.0,
                cpu_taken: cpu.1,
                cpu_scoring: cpu.1 + more_cpu,
                memory: memory.0,
                memory_taken: memory.1,
                memory_scoring: memory.1 + more_memory,
                pods: 3,
                pods_taken,
                ..Row::default()
            }
        })
    }

    proptest! {
        /// The plugins' score is between the bounds, which are whole numbers close together.
        #[test]
        fn scores_are_within_their_bounds(
            rows in prop::collection::vec(row(), 1..100),
            cpu in 0..60_000i64,
            memory in 0..1i64 << 40,
        ) {
            let framework = plugins::defaults("s").build().unwrap();
            let requests = json!({"cpu": format!("{cpu}m"), "memory": memory.to_string()});
            let container = json!({"name": "c", "resources": {"requests": requests}});
            let pod = pod("p", json!({"containers": [container]}));
            let plan = Plan::new(&framework, &pod).unwrap();
            let exact = Exact::new(&plan, &pod).unwrap();
            let asked = exact.asked(&plan).unwrap();
            let mut lanes = Lanes::default();
            lanes.follow(&rows, &Log::default());
            let scores = |bound| {
                let mut scores = vec![[0.0; CHUNK]; lanes.chunks()];
                let mut peaks = vec![0.0; lanes.chunks()];
                let pass = Pass { lanes: &lanes, asked, base: None, bound };
                pass.run(0, &mut scores, &mut peaks);
                for (scores, peak) in scores.iter().zip(peaks) {
                    assert_eq!(scores.iter().copied().fold(UNFIT, f32::max), peak);
                }
                scores.concat()
            };
            let (most, least) = (scores(Bound::Most), scores(Bound::Least));
            for (at, row) in rows.iter().enumerate() {
                let score = exact.judge(&plan, row).map_or(UNFIT, |score| score as f32);
                let bounds = (least[at], most[at]);
                prop_assert!(least[at] <= score && score <= most[at], "{score} {bounds:?} {row:?}");
            }
            prop_assert!(most[rows.len()..].iter().all(|score| *score == UNFIT));
        }
    }
}
