//! Fit, least allocated and balanced allocation for all nodes in one pass, in vectors.
//!
//! Amounts are kept as floating-point numbers once more, in which whole numbers up to 2^53 are
//! exact, and divisions are products with reciprocals. That is exact where the result is rounded
//! down to a whole number that is told apart from its neighbours by more than the error: for the
//! shares of least allocated always, given [`MAX_AMOUNT`]; for balanced allocation unless the
//! result is very close to a whole number, and such nodes are named so that the plugin's own
//! arithmetic decides. One body is compiled twice, for processors with AVX2 and for all.

use crate::plugins::{NodeResourcesBalancedAllocation, Share};

/// Amounts beyond this are left to the plugins: hundred times as much times a reciprocal, plus
/// [`NUDGE`], rounds down to the true quotient for all whole numbers up to it.
pub(super) const MAX_AMOUNT: i64 = 1 << 42;

/// Larger than the error of a quotient up to 100, smaller than its distance from the next whole
/// number if it is none.
const NUDGE: f64 = 1.0 / (1_u64 << 44) as f64;

/// Results of balanced allocation that are as close as this to a whole number are not trusted.
const DOUBT: f64 = 1e-9;

/// The score of a node that does not take the pod.
pub(super) const UNFIT: f64 = -1.0;

/// Amounts of nodes, one entry per slot.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub cpu: Vec<f64>,
    pub memory: Vec<f64>,
    pub storage: Vec<f64>,
    pub pods: Vec<f64>,
    pub cpu_taken: Vec<f64>,
    pub memory_taken: Vec<f64>,
    pub storage_taken: Vec<f64>,
    pub pods_taken: Vec<f64>,
    pub cpu_scoring: Vec<f64>,
    pub memory_scoring: Vec<f64>,
    /// One over what there is.
    pub cpu_inverse: Vec<f64>,
    pub memory_inverse: Vec<f64>,
    /// How even the node is without the pod, as balanced allocation has it.
    pub evenness: Vec<f64>,
}

impl Lanes {
    /// Sets the amounts of a node: CPU and memory that there are and that are taken; storage
    /// that there is and that is taken, and CPU and memory as scored; pods that fit and are there.
    pub fn set(
        &mut self,
        at: usize,
        has: [i64; 2],
        taken: [i64; 2],
        more: [i64; 4],
        pods: [i64; 2],
    ) {
        let [cpu, memory] = has.map(|amount| amount as f64);
        let shares = [0, 1].map(|index| Share {
            allocatable: has[index].max(1),
            taken: taken[index],
            asked: 0,
        });
        let lanes: [(&mut Vec<f64>, f64); 13] = [
            (&mut self.cpu, cpu),
            (&mut self.memory, memory),
            (&mut self.storage, more[0] as f64),
            (&mut self.pods, pods[0] as f64),
            (&mut self.cpu_taken, taken[0] as f64),
            (&mut self.memory_taken, taken[1] as f64),
            (&mut self.storage_taken, more[1] as f64),
            (&mut self.pods_taken, pods[1] as f64),
            (&mut self.cpu_scoring, more[2] as f64),
            (&mut self.memory_scoring, more[3] as f64),
            (&mut self.cpu_inverse, 1.0 / cpu.max(1.0)),
            (&mut self.memory_inverse, 1.0 / memory.max(1.0)),
            (&mut self.evenness, NodeResourcesBalancedAllocation::evenness_of(&shares) as f64),
        ];
        for (lane, amount) in lanes {
            if lane.len() <= at {
                lane.resize(at + 1, 0.0);
            }
            lane[at] = amount;
        }
    }
}

/// What the pod asks for, and what the scores weigh.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub cpu: f64,
    pub memory: f64,
    pub storage: f64,
    pub cpu_scoring: f64,
    pub memory_scoring: f64,
    /// The weight of each resource in the mean of least allocated.
    pub cpu_weight: f64,
    pub memory_weight: f64,
    pub fit_weight: f64,
    /// 0 where balanced allocation has nothing to say.
    pub balanced_weight: f64,
}

/// Scores all nodes; `doubtful` gets the slots whose scores the plugins must find.
pub(super) fn score(lanes: &Lanes, asked: Asked, scores: &mut Vec<f64>, doubtful: &mut Vec<u32>) {
    scores.resize(lanes.cpu.len(), UNFIT);
    doubtful.clear();
    if fastest(Pass::Score(lanes, asked), scores).1 > 0 {
        let slots = scores.iter().enumerate().filter(|(_, score)| score.fract() != 0.0);
        doubtful.extend(slots.map(|(slot, _)| slot as u32));
    }
}

/// The highest score and how many nodes have it.
pub(super) fn highest(scores: &mut [f64]) -> (f64, usize) {
    fastest(Pass::Highest, scores)
}

/// What is done with all scores.
#[derive(Clone, Copy)]
enum Pass<'a> {
    /// They are computed; says how many are in doubt.
    Score(&'a Lanes, Asked),
    /// The highest is found; says how many there are.
    Highest,
}

impl Pass<'_> {
    #[inline(always)]
    fn run(self, scores: &mut [f64]) -> (f64, usize) {
        match self {
            Self::Score(lanes, asked) => (0.0, body(lanes, asked, scores)),
            Self::Highest => survey(scores),
        }
    }
}

/// Runs a pass with the widest vectors that the processor has.
#[allow(unsafe_code)]
fn fastest(pass: Pass<'_>, scores: &mut [f64]) -> (f64, usize) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512.
            return unsafe { with_avx512(pass, scores) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { with_avx2(pass, scores) };
        }
    }
    pass.run(scores)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn with_avx512(pass: Pass<'_>, scores: &mut [f64]) -> (f64, usize) {
    pass.run(scores)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(pass: Pass<'_>, scores: &mut [f64]) -> (f64, usize) {
    pass.run(scores)
}

/// How many scores are in doubt; such scores are no whole numbers.
#[inline(always)]
fn body(lanes: &Lanes, asked: Asked, scores: &mut [f64]) -> usize {
    let count = scores.len();
    // Slices of one known length need no checks in the loop.
    let [cpu, memory, storage, pods] =
        [&lanes.cpu, &lanes.memory, &lanes.storage, &lanes.pods].map(|lane| &lane[..count]);
    let [cpu_taken, memory_taken, storage_taken, pods_taken] =
        [&lanes.cpu_taken, &lanes.memory_taken, &lanes.storage_taken, &lanes.pods_taken]
            .map(|lane| &lane[..count]);
    let [cpu_scoring, memory_scoring, cpu_inverse, memory_inverse, evenness] = [
        &lanes.cpu_scoring,
        &lanes.memory_scoring,
        &lanes.cpu_inverse,
        &lanes.memory_inverse,
        &lanes.evenness,
    ]
    .map(|lane| &lane[..count]);
    let per_weight = 1.0 / (asked.cpu_weight + asked.memory_weight);
    for at in 0..count {
        let share = |has: f64, scoring: f64, asked: f64, inverse: f64| {
            let free = has - (scoring + asked);
            let share = (free * 100.0 * inverse + NUDGE).floor();
            if share > 0.0 { share } else { 0.0 }
        };
        let by_cpu = share(cpu[at], cpu_scoring[at], asked.cpu_scoring, cpu_inverse[at]);
        let by_memory =
            share(memory[at], memory_scoring[at], asked.memory_scoring, memory_inverse[at]);
        let sum = by_cpu * asked.cpu_weight + by_memory * asked.memory_weight;
        // The sum is a small whole number, far from the next quotient.
        let least = (sum * per_weight + 1e-6).floor();
        let used = |taken: f64, asked: f64, inverse: f64| {
            let used = (taken + asked) * inverse;
            if used < 1.0 { used } else { 1.0 }
        };
        let apart = used(cpu_taken[at], asked.cpu, cpu_inverse[at])
            - used(memory_taken[at], asked.memory, memory_inverse[at]);
        let even = (1.0 - apart.abs() * 0.5) * 100.0;
        let whole = even.floor();
        let beyond = even - whole;
        let doubt = if (beyond - 0.5).abs() > 0.5 - DOUBT { 0.5 } else { 0.0 };
        let doubt = if asked.balanced_weight > 0.0 { doubt } else { 0.0 };
        let balanced = ((150.0 + whole - evenness[at]) * 0.5).floor();
        let total = least * asked.fit_weight + balanced * asked.balanced_weight + doubt;
        let lacks = |asked: f64, has: f64, taken: f64| (asked > 0.0) & (asked > has - taken);
        let unfit = (pods_taken[at] + 1.0 > pods[at])
            | lacks(asked.cpu, cpu[at], cpu_taken[at])
            | lacks(asked.memory, memory[at], memory_taken[at])
            | lacks(asked.storage, storage[at], storage_taken[at]);
        scores[at] = if unfit { UNFIT } else { total };
    }
    // A loop of its own: a sum that is carried along would keep the one above from vectors.
    scores.iter().filter(|score| score.floor() != **score).count()
}

#[inline(always)]
fn survey(scores: &[f64]) -> (f64, usize) {
    const WIDTH: usize = 32;
    let mut best = [UNFIT; WIDTH];
    let chunks = scores.chunks_exact(WIDTH);
    for score in chunks.remainder() {
        best[0] = if *score > best[0] { *score } else { best[0] };
    }
    for chunk in chunks {
        for (best, score) in best.iter_mut().zip(chunk) {
            *best = if *score > *best { *score } else { *best };
        }
    }
    let highest = best.into_iter().fold(UNFIT, f64::max);
    (highest, scores.iter().filter(|score| **score == highest).count())
}
