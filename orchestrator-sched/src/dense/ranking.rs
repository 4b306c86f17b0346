//! Which nodes of a class are best by what they say by themselves, stratum by stratum.

use super::buckets::Buckets;
use super::table::Slot;
use super::tournament::Tournament;

/// With more strata than this, a tree for each takes more memory than buckets.
pub(super) const MAX_TREES: usize = 8;

/// The nodes of a class by stratum and score.
#[derive(Debug)]
pub(super) enum Ranking {
    /// For classes of few strata: fast to make, and small.
    Trees { trees: Vec<Tournament>, slots: usize },
    /// For any number of strata.
    Buckets(Buckets),
}

impl Ranking {
    /// How many strata there are; some may have no nodes.
    pub fn strata(&self) -> usize {
        match self {
            Self::Trees { trees, .. } => trees.len(),
            Self::Buckets(buckets) => buckets.strata(),
        }
    }

    /// How many nodes a stratum has.
    pub fn nodes(&self, stratum: usize) -> usize {
        match self {
            Self::Trees { trees, .. } => trees[stratum].nodes(),
            Self::Buckets(buckets) => buckets.nodes(stratum),
        }
    }

    /// The highest score of a stratum and how many nodes have it; `None` where it has no nodes.
    pub fn best(&self, stratum: usize) -> Option<(i64, usize)> {
        match self {
            Self::Trees { trees, .. } => trees[stratum].best(),
            Self::Buckets(buckets) => {
                buckets.best(stratum).map(|(score, nodes)| (score, nodes.len()))
            }
        }
    }

    /// One of the best nodes of a stratum.
    pub fn get(&self, stratum: usize, index: usize) -> Option<Slot> {
        match self {
            Self::Trees { trees, .. } => trees[stratum].get(index),
            Self::Buckets(buckets) => buckets.best(stratum)?.1.get(index).copied(),
        }
    }

    /// Moves a node to a stratum and score; `None` takes it out. False where there is no place
    /// for it.
    #[inline]
    pub fn set(&mut self, slot: Slot, at: Option<(u32, i64)>) -> bool {
        let (trees, slots) = match self {
            Self::Trees { trees, slots } => (trees, *slots),
            Self::Buckets(buckets) => {
                buckets.set(slot, at);
                return true;
            }
        };
        let stratum = at.map(|(stratum, _)| stratum as usize);
        if slot as usize >= slots || stratum.is_some_and(|stratum| stratum >= MAX_TREES) {
            return false;
        }
        while stratum.is_some_and(|stratum| stratum >= trees.len()) {
            trees.push(Tournament::new(slots));
        }
        for (index, tree) in trees.iter_mut().enumerate() {
            let score = at.filter(|_| stratum == Some(index)).map(|(_, score)| score);
            tree.set(slot, score);
        }
        true
    }
}
