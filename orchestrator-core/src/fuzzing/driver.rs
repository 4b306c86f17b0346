//! The driver: mutates inputs that are known to lead somewhere and hands them to the targets.
//!
//! Inputs that are read as JSON join the corpus, so a long run digs deeper than a short one. A
//! run is a pure function of its seed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::TARGETS;
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
    /// The input.
    pub input: Vec<u8>,
}

/// Runs every target `rounds` times.
///
/// # Errors
/// The first input on which a target panicked.
pub fn run(seed: u64, rounds: u64) -> Result<(), Finding> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut corpora = TARGETS.map(|(_, _, seeds)| -> Vec<Vec<u8>> {
        seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect()
    });
    for _ in 0..rounds {
        for ((name, target, _), corpus) in TARGETS.iter().zip(&mut corpora) {
            let input = mutate(&mut random, corpus);
            if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
                return Err(Finding { target: name, input });
            }
            if corpus.len() < MAX_CORPUS && random.u8(..) < 8 && decode::untyped(&input).is_ok() {
                corpus.push(input);
            }
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
