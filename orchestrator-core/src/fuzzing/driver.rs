//! The driver: mutates inputs that are known to lead somewhere and hands them to the targets.
//!
//! Inputs that are read as JSON join the corpus, so a long run digs deeper than a short one. What
//! a target sees is a pure function of its name, the seed and the number of the round, whichever
//! other targets run: a failure is found again by naming the three.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Target;
use crate::schema::decode;

/// Pieces that grammars are made of.
const PIECES: [&[u8]; 24] = [
    b"null",
    b"[]",
    b"{}",
    b"\"\"",
    b"1e9",
    b"-1",
    b"true",
    b":",
    b",",
    b"\"a\"",
    b"$patch",
    b"\"spec\":{",
    b"\"metadata\":{",
    b"\"managedFields\":[",
    b"\"containers\":[",
    b"\"name\":\"a\"",
    b"{\"f:a\":{}}",
    b"\"k:{}\"",
    b"\"$setElementOrder/containers\":",
    b"99999999999999999999",
    b"\\u0000",
    b"\xff",
    b"Ei",
    b"e-999",
];

/// The longest input and the largest corpus of one target.
const MAX_INPUT: usize = 4096;
const MAX_CORPUS: usize = 400;

/// An input on which a target panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the target.
    pub target: &'static str,
    /// The round, the first being 0.
    pub round: u64,
    /// The input.
    pub input: Vec<u8>,
}

/// One target with all that it needs to go on.
#[derive(Clone, Debug)]
pub struct Run {
    target: Target,
    random: fastrand::Rng,
    corpus: Vec<Vec<u8>>,
    round: u64,
}

impl Run {
    /// A run from the start.
    pub fn new(target: Target, seed: u64) -> Self {
        // Each target draws from a sequence of its own (FNV-1a of its name).
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let own = target.name.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        let mut corpus: Vec<Vec<u8>> = target.seeds.iter().map(|seed| seed.to_vec()).collect();
        if corpus.is_empty() {
            corpus.push(Vec::new());
        }
        Self { target, random: fastrand::Rng::with_seed(seed ^ own), corpus, round: 0 }
    }

    /// The number of inputs tried.
    pub fn rounds(&self) -> u64 {
        self.round
    }

    /// The name of the target.
    pub fn target(&self) -> &'static str {
        self.target.name
    }

    /// Makes the next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        mutate(&mut self.random, &self.corpus)
    }

    /// Tries an input.
    ///
    /// # Errors
    /// The target panicked on it.
    pub fn try_input(&mut self, input: Vec<u8>) -> Result<(), Finding> {
        let (round, run) = (self.round, self.target.run);
        if catch_unwind(AssertUnwindSafe(|| run(&input))).is_err() {
            return Err(Finding { target: self.target.name, round, input });
        }
        self.round += 1;
        let keep = self.corpus.len() < MAX_CORPUS && self.random.u8(..) < 8;
        if keep && decode::untyped(&input).is_ok() {
            self.corpus.push(input);
        }
        Ok(())
    }
}

/// Runs every target `rounds` times.
///
/// # Errors
/// The first input on which a target panicked.
pub fn run(targets: &[Target], seed: u64, rounds: u64) -> Result<(), Finding> {
    for target in targets {
        let mut run = Run::new(*target, seed);
        while run.rounds() < rounds {
            let input = run.next_input();
            run.try_input(input)?;
        }
    }
    Ok(())
}

/// An input of the corpus with up to five changes.
fn mutate(random: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[random.usize(..corpus.len())].clone();
    for _ in 0..random.usize(1..6) {
        let place = random.usize(..=input.len());
        let cut = (place + random.usize(..12)).min(input.len());
        match random.u8(..5) {
            0 => drop(input.drain(place..cut)),
            1 => {
                let piece = PIECES[random.usize(..PIECES.len())];
                input.splice(place..place, piece.iter().copied());
            }
            2 => {
                let piece = PIECES[random.usize(..PIECES.len())];
                input.splice(place..cut, piece.iter().copied());
            }
            3 => {
                let other = &corpus[random.usize(..corpus.len())];
                let start = random.usize(..=other.len());
                let end = (start + random.usize(..60)).min(other.len());
                input.splice(place..place, other[start..end].iter().copied());
            }
            _ => {
                if let Some(byte) = input.get_mut(place) {
                    *byte = random.u8(..);
                }
            }
        }
    }
    input.truncate(MAX_INPUT);
    input
}
