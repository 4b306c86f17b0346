//! Writes that gather while others are on their way, and travel together.
//!
//! The leader gathers them into entries of the log, a follower into calls to the leader. A few
//! batches are on their way at a time, and the next one is whatever has come meanwhile: under
//! load batches grow by themselves, and a single write never waits for a timer.

use std::collections::VecDeque;
use std::future::Future;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::commands::Commands;
use super::message::{NotLeader, Outcome};
use super::types::Reply;

/// How many batches are on their way: one is synced while the next one travels.
const MAX_UNDER_WAY: usize = 3;

/// The most bytes of a batch, one large write aside: what the log keeps for laggards is counted
/// in entries, so an entry must not be large.
const MAX_BATCH_BYTES: usize = 256 << 10;

/// How many writes wait before more are refused, and how many bytes.
const MAX_WAITING: usize = 20_000;
const MAX_WAITING_BYTES: usize = 256 << 20;

/// Writes that wait to travel, and the batches that do.
#[derive(Debug)]
pub(super) struct Gathering<T> {
    waiting: Mutex<Waiting<T>>,
    some: Notify,
}

/// All that waits is for one leader, of one term.
#[derive(Debug)]
struct Waiting<T> {
    term: u64,
    to: Option<T>,
    groups: VecDeque<Group>,
    count: usize,
    bytes: usize,
}

/// Writes that came together, and who waits for their outcome.
#[derive(Debug)]
struct Group {
    commands: Commands,
    answer: oneshot::Sender<Outcome>,
}

/// Batches on their way in a term; those of earlier terms may hang, and hold nobody up.
#[derive(Debug, Default)]
struct UnderWay {
    term: u64,
    batches: usize,
}

impl<T> Default for Gathering<T> {
    fn default() -> Self {
        let (groups, to) = (VecDeque::new(), None);
        let waiting = Waiting { term: 0, to, groups, count: 0, bytes: 0 };
        Self { waiting: Mutex::new(waiting), some: Notify::new() }
    }
}

impl<T: Clone> Gathering<T> {
    /// Has `commands` travel to `to`, the leader of `term`, with the next batch; returns what
    /// became of them.
    ///
    /// # Cancellation
    /// They may travel or not.
    pub(super) async fn submit(&self, term: u64, to: T, commands: Commands) -> Outcome {
        let (overtaken, outcome) = {
            let mut waiting = self.waiting.lock();
            if term < waiting.term {
                return Outcome::NotLeader(NotLeader::default());
            }
            let overtaken = waiting.turn_to(term, to);
            if waiting.count >= MAX_WAITING || waiting.bytes >= MAX_WAITING_BYTES {
                return Outcome::Busy;
            }
            (overtaken, waiting.push(commands))
        };
        // They have not left: whoever waits for them asks the new leader.
        answer(overtaken, &Outcome::NotLeader(NotLeader::default()));
        self.some.notify_one();
        outcome.await.unwrap_or(Outcome::Unknown)
    }

    /// Sends batch after batch by `send`, for as long as it is polled.
    pub(super) async fn serve<F>(&self, send: impl Fn(u64, T, Commands) -> F)
    where
        F: Future<Output = Outcome>,
    {
        let mut sending = FuturesUnordered::new();
        let mut under_way = UnderWay::default();
        loop {
            tokio::select! {
                biased;
                Some(term) = sending.next() => {
                    if term == under_way.term {
                        under_way.batches -= 1;
                    }
                }
                () = self.some.notified() => {}
            }
            while let Some((to, groups)) = self.waiting.lock().take(&mut under_way) {
                let (term, send) = (under_way.term, &send);
                sending.push(async move {
                    let parts: Vec<_> = groups.iter().map(|one| one.commands.clone()).collect();
                    let outcome = send(term, to, Commands::joined(&parts)).await;
                    share(groups, outcome);
                    term
                });
            }
        }
    }
}

impl<T: Clone> Waiting<T> {
    /// Turns to the leader of `term`; returns what waited for that of an earlier one.
    fn turn_to(&mut self, term: u64, to: T) -> VecDeque<Group> {
        if self.term == term {
            // It may be reached elsewhere by now.
            self.to = Some(to);
            return VecDeque::new();
        }
        let groups = std::mem::take(&mut self.groups);
        *self = Self { term, to: Some(to), groups: VecDeque::new(), count: 0, bytes: 0 };
        groups
    }

    fn push(&mut self, commands: Commands) -> oneshot::Receiver<Outcome> {
        self.count += commands.count();
        self.bytes += commands.size();
        let (answer, outcome) = oneshot::channel();
        self.groups.push_back(Group { commands, answer });
        outcome
    }

    /// The next batch, if there is one and it may leave.
    fn take(&mut self, under_way: &mut UnderWay) -> Option<(T, Vec<Group>)> {
        if under_way.term != self.term {
            *under_way = UnderWay { term: self.term, batches: 0 };
        }
        if under_way.batches == MAX_UNDER_WAY {
            return None;
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(group) = self.groups.front() {
            let size = group.commands.size();
            if bytes > 0 && bytes + size > MAX_BATCH_BYTES {
                break;
            }
            let group = self.groups.pop_front()?;
            self.count -= group.commands.count();
            self.bytes -= size;
            // Whoever has given up is not served: what has not left surely has no effect.
            if !group.answer.is_closed() {
                bytes += size;
                batch.push(group);
            }
        }
        if batch.is_empty() {
            return None;
        }
        under_way.batches += 1;
        Some((self.to.clone()?, batch))
    }
}

/// Gives each of `groups` its part of what became of all.
fn share(groups: Vec<Group>, outcome: Outcome) {
    let all: usize = groups.iter().map(|group| group.commands.count()).sum();
    match outcome {
        Outcome::Applied { index, reply: Reply::Commands(answers) } if answers.len() == all => {
            let mut answers = answers.into_iter();
            for Group { commands, answer } in groups {
                let part = answers.by_ref().take(commands.count()).collect();
                // It may have given up.
                let _ = answer.send(Outcome::Applied { index, reply: Reply::Commands(part) });
            }
        }
        other => answer(groups, &other),
    }
}

/// Tells all of `groups` the same.
fn answer(groups: impl IntoIterator<Item = Group>, outcome: &Outcome) {
    for group in groups {
        let _ = group.answer.send(outcome.same_for_each());
    }
}

impl Outcome {
    /// The outcome of a part, where the whole has no answers of its parts.
    fn same_for_each(&self) -> Self {
        match self {
            Self::NotLeader(NotLeader { leader }) => {
                Self::NotLeader(NotLeader { leader: leader.clone() })
            }
            Self::Busy => Self::Busy,
            // Applied, but the answers are not those that were asked for.
            Self::Unknown | Self::Applied { .. } => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt;
    use orchestrator_core::Env;
    use orchestrator_core::store::StoreError;

    use super::*;
    use crate::mvcc::Applied;

    fn commands(bytes: usize) -> Commands {
        Commands::one(&vec![0; bytes])
    }

    /// How many commands travel together, in which term.
    async fn batches(groups: &[(u64, usize)]) -> Vec<(u64, usize)> {
        let gathering = Gathering::default();
        let seen = Mutex::new(Vec::new());
        let submits =
            groups.iter().map(|(term, bytes)| gathering.submit(*term, (), commands(*bytes)));
        let all = futures::future::join_all(submits);
        let send = |term, (), commands: Commands| {
            seen.lock().push((term, commands.count()));
            async { Outcome::Unknown }
        };
        tokio::select! {
            biased;
            _ = all => {}
            () = gathering.serve(send) => {}
        }
        seen.into_inner()
    }

    #[tokio::test]
    async fn what_goes_to_the_same_travels_together_as_far_as_it_fits() {
        type Groups = &'static [(u64, usize)];
        const LARGE: usize = MAX_BATCH_BYTES + 1;
        let cases: [(Groups, Groups); 4] = [
            (&[(1, 9), (1, 9), (1, 9)], &[(1, 3)]),
            // The first has not left, and the last is outdated: both find the new leader again.
            (&[(1, 9), (2, 9), (2, 9), (1, 9)], &[(2, 2)]),
            (&[(1, 9), (1, LARGE), (1, 9)], &[(1, 1), (1, 1), (1, 1)]),
            (&[(1, LARGE / 2), (1, LARGE / 3), (1, LARGE / 3)], &[(1, 2), (1, 1)]),
        ];
        for (groups, expected) in cases {
            assert_eq!(batches(groups).await, expected, "{groups:?}");
        }
    }

    #[tokio::test]
    async fn each_gets_its_own_answers_and_who_gives_up_before_it_leaves_has_no_effect() {
        let gathering = Arc::new(Gathering::default());
        assert!(gathering.submit(1, (), commands(1)).now_or_never().is_none());
        let serving = Arc::clone(&gathering);
        let task = Env::system().spawn("serving", async move {
            let send = |_, (), commands: Commands| async move {
                let answer = |n| match n {
                    0 => Ok(Applied::Done),
                    _ => Err(StoreError::KeyNotFound),
                };
                let reply = Reply::Commands((0..commands.count()).map(answer).collect());
                Outcome::Applied { index: 4, reply }
            };
            serving.serve(send).await;
        });
        let (first, second) = futures::join!(
            gathering.submit(1, (), commands(1)),
            gathering.submit(1, (), commands(2))
        );
        let is_done = |outcome: &Outcome| match outcome {
            Outcome::Applied { reply: Reply::Commands(answers), .. } => {
                answers.iter().map(Result::is_ok).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        assert_eq!((is_done(&first), is_done(&second)), (vec![true], vec![false]));
        drop(task);
    }

    #[tokio::test]
    async fn batches_that_hang_in_an_old_term_hold_nobody_up() {
        let gathering = Gathering::default();
        let send = |term, (), _| async move {
            match term {
                1 => std::future::pending().await,
                _ => Outcome::Busy,
            }
        };
        let large = || commands(MAX_BATCH_BYTES);
        let hang = (0..2 * MAX_UNDER_WAY).map(|_| gathering.submit(1, (), large()));
        let hang = futures::future::join_all(hang);
        tokio::select! {
            biased;
            _ = hang => unreachable!("nobody answers them"),
            () = gathering.serve(send) => {}
            // The last: when it begins, the others are under way.
            outcome = gathering.submit(2, (), large()) => assert!(matches!(outcome, Outcome::Busy)),
        }
    }
}
