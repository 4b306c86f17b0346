//! The store's time as its leader tells it.
//!
//! A leader goes on from the time of the last command before its term, and counts on its own
//! monotonic clock. While nobody leads the store's time stands still: so leases get longer by a
//! change of leader, never shorter.

use std::time::Duration;

use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::state::State;
use super::types::term;
use crate::planted::{Fault, Planted};

/// Tells the store's time while this member leads.
#[derive(Debug)]
pub(super) struct Clock {
    env: Env,
    /// When this member started.
    started: Instant,
    planted: Planted,
    begun: Mutex<Option<Term>>,
}

/// The term that this member leads in: where its time began, there and here.
#[derive(Clone, Copy, Debug)]
struct Term {
    number: u64,
    at: Duration,
    since: Instant,
}

impl Clock {
    pub(super) fn new(env: Env, planted: Planted) -> Self {
        Self { started: env.instant(), env, planted, begun: Mutex::new(None) }
    }

    /// The store's time in the term `number`, which this member leads; `None` until everything
    /// from before the term has been applied.
    pub(super) fn at(&self, number: u64, state: &State) -> Option<Duration> {
        let now = self.env.instant();
        let mut begun = self.begun.lock();
        let term = match *begun {
            Some(term) if term.number == number => term,
            _ => {
                // The first entry of a term is the leader's own, after all of earlier ones.
                state.last.filter(|last| term(last) == number)?;
                let mut at = state.at;
                if self.planted.has(Fault::LeaseTimeLost) {
                    at += now.saturating_duration_since(self.started);
                }
                *begun.insert(Term { number, at, since: now })
            }
        };
        Some(term.at + now.saturating_duration_since(term.since))
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::log_id;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_goes_on_from_the_last_command_and_stands_still_without_a_leader() {
        let env = Env::simulated(1);
        let clock = Clock::new(env.clone(), Planted::NONE);
        let second = Duration::from_secs(1);
        let mut state = State::default();
        state.begin(log_id(1, 7), 100 * second);
        assert_eq!(clock.at(2, &state), None, "its own first entry is not applied yet");
        env.sleep(50 * second).await;
        state.last = Some(log_id(2, 8));
        assert_eq!(clock.at(2, &state), Some(100 * second));
        env.sleep(3 * second).await;
        assert_eq!(clock.at(2, &state), Some(103 * second));
        state.last = Some(log_id(4, 9));
        assert_eq!(clock.at(4, &state), Some(100 * second));
    }
}
