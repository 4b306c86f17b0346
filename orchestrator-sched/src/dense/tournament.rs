//! The nodes of one stratum by score: each knows its own, and each group knows its best.
//!
//! A tree of small arrays. A leaf has the scores of 64 slots, an inner group the best score below
//! each of its 16 branches and how many nodes have it. A score that changes is compared with its
//! neighbours in each group above it, until a group's best is what it was; two bytes per slot are
//! all that is kept of most nodes.

use super::table::Slot;

/// The score of a slot that is not in the stratum.
const OUT: i16 = -1;

const LEAF: usize = 64;

const BRANCHES: usize = 16;

/// The scores of neighbouring slots; negative for those that are not in the stratum.
#[derive(Clone, Debug)]
#[repr(align(128))]
pub(super) struct Leaf(pub [i16; LEAF]);

impl Default for Leaf {
    fn default() -> Self {
        Self([OUT; LEAF])
    }
}

/// The best below each branch.
#[derive(Clone, Debug)]
#[repr(align(32))]
struct Group {
    highest: [i16; BRANCHES],
    nodes: [u32; BRANCHES],
}

/// A score, and how many nodes have it.
type Best = (i16, u32);

impl Leaf {
    #[inline]
    fn best(&self) -> Best {
        let mut highest = [OUT; 8];
        for scores in self.0.as_chunks::<8>().0 {
            for (highest, score) in highest.iter_mut().zip(scores) {
                *highest = (*highest).max(*score);
            }
        }
        let highest = highest.into_iter().fold(OUT, i16::max);
        (highest, count(&self.0, highest))
    }
}

/// How many of the scores are this one.
#[inline]
fn count(scores: &[i16], score: i16) -> u32 {
    let same = scores.iter().map(|other| i16::from(*other == score));
    u32::from(same.sum::<i16>().unsigned_abs())
}

const EMPTY: Group = Group { highest: [OUT; BRANCHES], nodes: [0; BRANCHES] };

impl Group {
    #[inline]
    fn best(&self) -> Best {
        let highest = self.highest.iter().fold(OUT, |best, score| best.max(*score));
        let pairs = self.highest.iter().zip(&self.nodes);
        let nodes = pairs.map(|(score, nodes)| if *score == highest { *nodes } else { 0 });
        (highest, nodes.sum())
    }
}

/// The nodes of one stratum.
#[derive(Debug)]
pub(super) struct Tournament {
    leaves: Vec<Leaf>,
    /// From the leaves up; the last has one group.
    levels: Vec<Vec<Group>>,
    best: Best,
    nodes: usize,
    /// A bit for each leaf, and for each group of each level, that must be looked at again.
    stale: Vec<Vec<u64>>,
}

impl Tournament {
    /// No nodes, and room for so many slots.
    pub fn new(slots: usize) -> Self {
        let leaves = vec![Leaf::default(); slots.div_ceil(LEAF).max(1)];
        Self::of(leaves)
    }

    /// With these scores by slot.
    pub fn with_leaves(leaves: Vec<Leaf>) -> Self {
        let mut tree = Self::of(leaves);
        for leaf in 0..tree.leaves.len() {
            let best = tree.leaves[leaf].best();
            tree.put(0, leaf, best);
            tree.nodes += tree.leaves[leaf].0.iter().filter(|score| **score > OUT).count();
        }
        for level in 1..tree.levels.len() {
            for group in 0..tree.levels[level - 1].len() {
                let best = tree.levels[level - 1][group].best();
                tree.put(level, group, best);
            }
        }
        let top = tree.levels.last().expect("there is a top");
        tree.best = top[0].best();
        tree
    }

    fn of(leaves: Vec<Leaf>) -> Self {
        let mut levels = Vec::new();
        let mut below = leaves.len();
        while levels.is_empty() || below > 1 {
            below = below.div_ceil(BRANCHES).max(1);
            levels.push(vec![EMPTY; below]);
        }
        let counts = std::iter::once(leaves.len()).chain(levels.iter().map(Vec::len));
        let stale = counts.map(|count| vec![0; count.div_ceil(64)]).collect();
        Self { leaves, levels, best: (OUT, 0), nodes: 0, stale }
    }

    fn put(&mut self, level: usize, below: usize, best: Best) {
        let group = &mut self.levels[level][below / BRANCHES];
        (group.highest[below % BRANCHES], group.nodes[below % BRANCHES]) = best;
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// The highest score and how many nodes have it; `None` without nodes.
    pub fn best(&self) -> Option<(i64, usize)> {
        (self.best.0 > OUT).then_some((i64::from(self.best.0), self.best.1 as usize))
    }

    /// Puts a score into its leaf; whether it is another than before.
    #[inline]
    fn write(&mut self, slot: Slot, score: i16) -> bool {
        let leaf = &mut self.leaves[slot as usize / LEAF];
        let old = std::mem::replace(&mut leaf.0[slot as usize % LEAF], score);
        match (old, score) {
            (OUT, OUT) => {}
            (OUT, _) => self.nodes += 1,
            (_, OUT) => self.nodes -= 1,
            _ => {}
        }
        old != score
    }

    /// Sets the scores of many slots; `None` takes one out. What is above is compared once.
    pub fn set_all(&mut self, scores: &[(Slot, Option<i64>)]) {
        for (slot, score) in scores {
            if self.write(*slot, score.map_or(OUT, |score| score as i16)) {
                let leaf = *slot as usize / LEAF;
                self.stale[0][leaf / 64] |= 1 << (leaf % 64);
            }
        }
        for level in 0..self.stale.len() {
            for word in 0..self.stale[level].len() {
                let mut bits = std::mem::take(&mut self.stale[level][word]);
                while bits != 0 {
                    self.refresh(level, word * 64 + bits.trailing_zeros() as usize);
                    bits &= bits - 1;
                }
            }
        }
    }

    /// Looks again at a leaf, or at a group of the level before this one, and notes what it says
    /// in the group above.
    fn refresh(&mut self, level: usize, below: usize) {
        let best = match level.checked_sub(1) {
            None => self.leaves[below].best(),
            Some(before) => self.levels[before][below].best(),
        };
        if level == self.levels.len() {
            self.best = best;
            return;
        }
        let above = below / BRANCHES;
        self.put(level, below, best);
        self.stale[level + 1][above / 64] |= 1 << (above % 64);
    }

    /// Sets the score of a slot; `None` takes it out.
    #[inline]
    pub fn set(&mut self, slot: Slot, score: Option<i64>) {
        let score = score.map_or(OUT, |score| score as i16);
        if !self.write(slot, score) {
            return;
        }
        let mut below = slot as usize / LEAF;
        let mut best = self.leaves[below].best();
        for level in &mut self.levels {
            let group = &mut level[below / BRANCHES];
            let branch = below % BRANCHES;
            if (group.highest[branch], group.nodes[branch]) == best {
                return;
            }
            (group.highest[branch], group.nodes[branch]) = best;
            best = group.best();
            below /= BRANCHES;
        }
        self.best = best;
    }

    /// One of the best nodes, of so many as [`best`](Self::best) says.
    pub fn get(&self, index: usize) -> Option<Slot> {
        let (highest, mut index) = (self.best.0, u32::try_from(index).ok()?);
        if highest == OUT {
            return None;
        }
        let mut below = 0;
        for level in self.levels.iter().rev() {
            let group = &level[below];
            let mut branch = 0;
            while group.highest[branch] != highest || group.nodes[branch] <= index {
                index -= if group.highest[branch] == highest { group.nodes[branch] } else { 0 };
                branch += 1;
                if branch == BRANCHES {
                    return None;
                }
            }
            below = below * BRANCHES + branch;
        }
        for (part, scores) in self.leaves[below].0.as_chunks::<BRANCHES>().0.iter().enumerate() {
            let nodes = count(scores, highest);
            if nodes > index {
                let mut same = (0..BRANCHES).filter(|at| scores[*at] == highest);
                let at = same.nth(index as usize)?;
                return Some((below * LEAF + part * BRANCHES + at) as Slot);
            }
            index -= nodes;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(tree: &Tournament, plain: &[i64]) -> Result<(), TestCaseError> {
        let highest = plain.iter().copied().max().filter(|highest| *highest >= 0);
        let best: Vec<_> = (0..plain.len()).filter(|at| Some(plain[*at]) == highest).collect();
        prop_assert_eq!(tree.best(), highest.map(|highest| (highest, best.len())));
        let got: Vec<_> = (0..best.len()).filter_map(|index| tree.get(index)).collect();
        prop_assert_eq!(got, best.into_iter().map(|at| at as Slot).collect::<Vec<_>>());
        prop_assert_eq!(tree.get(plain.len()), None);
        Ok(())
    }

    proptest! {
        /// However scores change, the best are those of a plain list; a tree that is made of the
        /// list is the same.
        #[test]
        fn the_best_are_those_of_a_plain_list(
            slots in prop::sample::select(vec![1usize, 64, 65, 1024, 1025, 20_000]),
            moves in prop::collection::vec((any::<usize>(), prop::option::of(0..4i64)), 1..80),
            batch in any::<bool>(),
        ) {
            let mut tree = Tournament::new(slots);
            let mut plain = vec![-1; slots];
            let mut changes = Vec::new();
            for (slot, score) in moves {
                let slot = slot % slots;
                changes.push((slot as Slot, score));
                plain[slot] = score.unwrap_or(-1);
            }
            match batch {
                true => tree.set_all(&changes),
                false => changes.iter().for_each(|(slot, score)| tree.set(*slot, *score)),
            }
            check(&tree, &plain)?;
            let leaves = plain.chunks(LEAF).map(|scores| {
                let mut leaf = [OUT; LEAF];
                leaf.iter_mut().zip(scores).for_each(|(leaf, score)| *leaf = *score as i16);
                Leaf(leaf)
            });
            check(&Tournament::with_leaves(leaves.collect()), &plain)?;
            prop_assert_eq!(tree.nodes(), plain.iter().filter(|score| **score >= 0).count());
        }
    }
}
