//! Why nodes do not take the pods of a class: each reason once, with the number of its nodes.

use rustc_hash::FxHashMap;

use super::table::Slot;
use crate::framework::Refused;

/// What tells one reason from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    /// The answers of this cell.
    Cell(u32),
    /// The node lacks these resources.
    Lacks(u64),
    /// A filter that is asked node by node says so.
    Said(Vec<String>),
}

/// The number of a reason; 0 for none.
type Number = u32;

#[derive(Debug)]
struct Reason {
    refused: Refused,
    nodes: usize,
}

/// Reasons with the number of their nodes.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    reasons: Vec<Reason>,
    numbers: FxHashMap<Cause, Number>,
    /// By slot.
    of: Vec<Number>,
}

impl Refusals {
    /// Sets why a node does not take the pods, `None` where it does; `explain` is asked where
    /// the cause is new.
    pub fn set(&mut self, slot: Slot, cause: Option<Cause>, explain: impl FnOnce() -> Refused) {
        let number = match cause {
            None => 0,
            Some(cause) => match self.numbers.get(&cause) {
                Some(number) => *number,
                None => {
                    self.reasons.push(Reason { refused: explain(), nodes: 0 });
                    let number = self.reasons.len() as Number;
                    self.numbers.insert(cause, number);
                    number
                }
            },
        };
        if self.of.len() <= slot as usize {
            self.of.resize(slot as usize + 1, 0);
        }
        let old = std::mem::replace(&mut self.of[slot as usize], number);
        if old != number {
            if let Some(reason) = self.at(old) {
                reason.nodes -= 1;
            }
            if let Some(reason) = self.at(number) {
                reason.nodes += 1;
            }
        }
    }

    fn at(&mut self, number: Number) -> Option<&mut Reason> {
        self.reasons.get_mut((number as usize).checked_sub(1)?)
    }

    /// Why a node does not take the pods.
    pub fn of(&self, slot: Slot) -> Option<&Refused> {
        let number = *self.of.get(slot as usize)?;
        self.reasons.get((number as usize).checked_sub(1)?).map(|reason| &reason.refused)
    }

    /// The reasons that hold for any node, with how many.
    pub fn all(&self) -> impl Iterator<Item = (&Refused, usize)> {
        let holding = self.reasons.iter().filter(|reason| reason.nodes > 0);
        holding.map(|reason| (&reason.refused, reason.nodes))
    }
}
