//! What evaluations may cost.
//!
//! A cost is counted as upstream counts it, so that what is cut off there is cut off here. It says
//! little about memory and time: adding two lists costs one, however long they are. So besides
//! there is a count of *work*, items and characters handled, with a bound that no honest
//! expression comes near. Neither looks at a clock: who runs out, runs out everywhere.

use crate::EvalError;

/// How much work one evaluation may do: some tenths of a second of it.
const WORK_MAX: u64 = 20_000_000;

/// What is left to spend.
#[derive(Clone, Debug)]
pub struct Budget {
    limit: u64,
    spent: u64,
    work: u64,
}

impl Budget {
    /// What one evaluation of a rule or a policy's expression may cost, as upstream.
    pub const PER_CALL: u64 = 1_000_000;
    /// What all expressions of one policy, or all rules for one object, may cost together.
    pub const PER_REQUEST: u64 = 10_000_000;
    /// What all match conditions of one webhook or policy may cost together.
    pub const MATCH_CONDITIONS: u64 = 2_500_000;

    /// A budget of `limit`.
    pub fn new(limit: u64) -> Self {
        Self { limit, spent: 0, work: 0 }
    }

    /// What has been spent.
    pub fn spent(&self) -> u64 {
        self.spent
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.limit - self.spent.min(self.limit)
    }

    /// Takes what another evaluation has spent.
    ///
    /// # Errors
    /// That is more than was left.
    pub fn charge(&mut self, cost: u64) -> Result<(), EvalError> {
        self.spend(cost)
    }

    pub(crate) fn spend(&mut self, cost: u64) -> Result<(), EvalError> {
        self.spent = self.spent.saturating_add(cost);
        if self.spent > self.limit { Err(EvalError::Cost) } else { Ok(()) }
    }

    pub(crate) fn work(&mut self, items: usize) -> Result<(), EvalError> {
        self.work = self.work.saturating_add(items as u64);
        if self.work > WORK_MAX { Err(EvalError::Cost) } else { Ok(()) }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Self::PER_CALL)
    }
}
