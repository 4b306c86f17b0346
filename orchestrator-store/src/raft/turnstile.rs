//! Appends of one leader pass in the order in which they were sent.
//!
//! A leader sends several appends before the first is answered, and a network may bring them in
//! another order. One that comes too early waits here for those before it: handed on at once, it
//! would be refused for the gap, and the leader would begin anew. Order is a matter of speed
//! only: an append that passes out of turn is refused or does no harm, as ever in Raft.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::network::Refused;
use crate::operator::MemberId;

/// How many sendings are known at a time. A leader has two to a member, its entries and its signs
/// of life, and begins a new one when one of them fails.
const MAX_SENDINGS: usize = 8;

/// How many appends of a sending wait for their turn; a leader sends no more at a time.
pub(super) const MAX_EARLY: usize = 8;

/// The place of an append in a sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Drawn when the sending began; 0 where order does not matter.
    pub(super) sending: u64,
    /// Counted from 0.
    pub(super) number: u64,
}

impl Place {
    /// The place of what may pass at any time.
    pub(super) const ANY: Self = Self { sending: 0, number: 0 };
}

/// Lets appends pass in order.
#[derive(Debug)]
pub(super) struct Turnstile {
    env: Env,
    /// How long one that is early waits.
    patience: Duration,
    sendings: Mutex<VecDeque<Sending>>,
}

#[derive(Debug)]
struct Sending {
    from: MemberId,
    id: u64,
    next: u64,
    early: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Turnstile {
    pub(super) fn new(env: Env, patience: Duration) -> Self {
        Self { env, patience, sendings: Mutex::default() }
    }

    /// Begins `work` when it is the turn of `place`, and finishes it beside those after it.
    ///
    /// The first poll of `work` is what has to happen in order.
    ///
    /// # Errors
    /// Those before it did not come in time, or too many wait.
    pub(super) async fn pass<T>(
        &self,
        from: MemberId,
        place: Place,
        work: impl Future<Output = T>,
    ) -> Result<T, Refused> {
        if let Some(turn) = self.turn(from, place)? {
            tokio::select! {
                biased;
                came = turn => came.map_err(|_| Refused::Busy)?,
                () = self.env.sleep(self.patience) => return Err(Refused::Busy),
            }
        }
        let mut work = pin!(work);
        let begun = futures::poll!(work.as_mut());
        self.passed(from, place);
        Ok(match begun {
            std::task::Poll::Ready(done) => done,
            std::task::Poll::Pending => work.await,
        })
    }

    /// What to wait for, if it is not yet the turn of `place`.
    fn turn(&self, from: MemberId, place: Place) -> Result<Option<oneshot::Receiver<()>>, Refused> {
        if place.sending == 0 {
            return Ok(None);
        }
        let mut sendings = self.sendings.lock();
        let known = sendings.iter().position(|one| one.is(from, place));
        let index = known.unwrap_or_else(|| {
            if sendings.len() == MAX_SENDINGS {
                sendings.pop_front();
            }
            let (id, early) = (place.sending, BTreeMap::new());
            sendings.push_back(Sending { from, id, next: 0, early });
            sendings.len() - 1
        });
        let sending = &mut sendings[index];
        // What comes again may pass at once: it was handed on before.
        if place.number <= sending.next {
            return Ok(None);
        }
        if place.number - sending.next > MAX_EARLY as u64 {
            return Err(Refused::Busy);
        }
        let (sender, turn) = oneshot::channel();
        sending.early.insert(place.number, sender);
        Ok(Some(turn))
    }

    /// Lets the one after `place` pass.
    fn passed(&self, from: MemberId, place: Place) {
        let mut sendings = self.sendings.lock();
        let Some(sending) = sendings.iter_mut().find(|one| one.is(from, place)) else { return };
        if sending.next == place.number {
            sending.next += 1;
            if let Some(turn) = sending.early.remove(&sending.next) {
                // It may have given up; then those after it give up too.
                let _ = turn.send(());
            }
        }
    }
}

impl Sending {
    fn is(&self, from: MemberId, place: Place) -> bool {
        self.from == from && self.id == place.sending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which appends pass that come in the order of `numbers`.
    async fn passed(numbers: &[u64]) -> (Vec<u64>, usize) {
        let turnstile = Turnstile::new(Env::simulated(1), Duration::from_millis(300));
        let order = Mutex::new(Vec::new());
        let pass = |number: u64| {
            let order = &order;
            let place = Place { sending: 7, number };
            turnstile.pass(1, place, async move { order.lock().push(number) })
        };
        let all = futures::future::join_all(numbers.iter().map(|number| pass(*number))).await;
        let refused = all.iter().filter(|one| one.is_err()).count();
        (order.into_inner(), refused)
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_early_waits_for_those_before_it_and_not_for_ever() {
        let cases: [(&[u64], &[u64], usize); 4] = [
            (&[0, 1, 2], &[0, 1, 2], 0),
            (&[3, 1, 2, 0], &[0, 1, 2, 3], 0),
            (&[0, 2, 0, 3], &[0, 0], 2),
            (&[40, 0], &[0], 1),
        ];
        for (come, pass, refused) in cases {
            assert_eq!(passed(come).await, (pass.to_vec(), refused), "{come:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_work_of_the_next_begins_before_that_of_the_one_before_ends() {
        let turnstile = Turnstile::new(Env::simulated(1), Duration::from_millis(300));
        let (first, second) = (Place { sending: 7, number: 0 }, Place { sending: 7, number: 1 });
        let (done, waits) = oneshot::channel();
        let slow = turnstile.pass(1, first, async { waits.await.unwrap() });
        let fast = turnstile.pass(1, second, async { done.send("the second").unwrap() });
        let (slow, fast) = futures::join!(slow, fast);
        assert_eq!((slow.unwrap(), fast.is_ok()), ("the second", true));
        assert!(turnstile.pass(1, Place::ANY, async {}).await.is_ok());
    }
}
