//! Nodes by stratum and score: the best of each stratum is found at once, and a node moves from
//! one score to another in constant time.
//!
//! A stratum is the set of nodes that no normalised score can tell apart, so that within it only
//! the scores count that a node has by itself. Those are small whole numbers: each has a bucket,
//! and a bit says whether the bucket has nodes.

use super::table::Slot;

/// The place of nodes that are in no stratum.
pub(super) const OUT: u32 = u32::MAX;

/// Where a node is.
#[derive(Clone, Copy, Debug)]
struct Place {
    stratum: u32,
    score: u32,
    index: u32,
}

const NOWHERE: Place = Place { stratum: OUT, score: 0, index: 0 };

/// The nodes of one stratum.
#[derive(Debug)]
struct Stratum {
    buckets: Vec<Vec<Slot>>,
    /// A bit for each bucket that has nodes.
    filled: Vec<u64>,
    nodes: usize,
}

impl Stratum {
    fn new(scores: usize) -> Self {
        let buckets = vec![Vec::new(); scores];
        Self { buckets, filled: vec![0; scores.div_ceil(64)], nodes: 0 }
    }

    fn highest(&self) -> Option<usize> {
        let word = self.filled.iter().rposition(|word| *word != 0)?;
        Some(word * 64 + 63 - self.filled[word].leading_zeros() as usize)
    }
}

/// Nodes by stratum and score.
#[derive(Debug)]
pub(super) struct Buckets {
    /// Scores are below this.
    scores: usize,
    strata: Vec<Stratum>,
    /// By slot.
    places: Vec<Place>,
}

impl Buckets {
    /// No nodes; scores are from 0 up to `highest`.
    pub fn new(highest: i64) -> Self {
        let scores = usize::try_from(highest).expect("scores are not negative") + 1;
        Self { scores, strata: Vec::new(), places: Vec::new() }
    }

    /// How many strata there are; some may have no nodes.
    pub fn strata(&self) -> usize {
        self.strata.len()
    }

    /// How many nodes a stratum has.
    pub fn nodes(&self, stratum: usize) -> usize {
        self.strata[stratum].nodes
    }

    /// The highest score of a stratum and the nodes that have it; `None` where it has no nodes.
    pub fn best(&self, stratum: usize) -> Option<(i64, &[Slot])> {
        let stratum = &self.strata[stratum];
        let score = stratum.highest()?;
        Some((score as i64, &stratum.buckets[score]))
    }

    /// Moves a node to a stratum and score; `None` takes it out.
    pub fn set(&mut self, slot: Slot, at: Option<(u32, i64)>) {
        let (stratum, score) = at.map_or((OUT, 0), |(stratum, score)| (stratum, score as u32));
        let index = slot as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, NOWHERE);
        }
        let old = self.places[index];
        if (old.stratum, old.score) == (stratum, score) {
            return;
        }
        self.take_out(old);
        self.places[index] = if stratum == OUT { NOWHERE } else { self.put(slot, stratum, score) };
    }

    fn take_out(&mut self, place: Place) {
        if place.stratum == OUT {
            return;
        }
        let stratum = &mut self.strata[place.stratum as usize];
        let bucket = &mut stratum.buckets[place.score as usize];
        bucket.swap_remove(place.index as usize);
        stratum.nodes -= 1;
        if let Some(moved) = bucket.get(place.index as usize) {
            self.places[*moved as usize].index = place.index;
        } else if bucket.is_empty() {
            stratum.filled[place.score as usize / 64] &= !(1 << (place.score % 64));
        }
    }

    fn put(&mut self, slot: Slot, stratum: u32, score: u32) -> Place {
        while self.strata.len() <= stratum as usize {
            self.strata.push(Stratum::new(self.scores));
        }
        let place = &mut self.strata[stratum as usize];
        let bucket = &mut place.buckets[score as usize];
        bucket.push(slot);
        place.nodes += 1;
        place.filled[score as usize / 64] |= 1 << (score % 64);
        Place { stratum, score, index: bucket.len() as u32 - 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// However nodes move, each stratum's best are those of a plain map.
        #[test]
        fn the_best_are_those_of_a_plain_map(
            moves in prop::collection::vec((0..20u32, prop::option::of((0..3u32, 0..300i64))), 1..80)
        ) {
            let mut buckets = Buckets::new(300);
            let mut plain: BTreeMap<Slot, (u32, i64)> = BTreeMap::new();
            for (slot, at) in moves {
                buckets.set(slot, at);
                match at {
                    Some(at) => plain.insert(slot, at),
                    None => plain.remove(&slot),
                };
                for stratum in 0..buckets.strata() {
                    let here = plain.iter().filter(|(_, at)| at.0 as usize == stratum);
                    let highest = here.clone().map(|(_, at)| at.1).max();
                    let best = here.filter(|(_, at)| Some(at.1) == highest).map(|(slot, _)| *slot);
                    let mut got = buckets.best(stratum).map(|(score, nodes)| (score, nodes.to_vec()));
                    if let Some((_, nodes)) = &mut got {
                        nodes.sort_unstable();
                    }
                    prop_assert_eq!(got, highest.map(|highest| (highest, best.collect())));
                }
            }
        }
    }
}
