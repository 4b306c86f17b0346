//! What a member does by itself: the leader ends leases and old history, and sees to the limits;
//! every member tells of a full disk and of where it is reached.

use std::time::Duration;

use bytes::BytesMut;
use orchestrator_core::store::Revision;
use tokio::time::Instant;

use super::agreement::Standing;
use super::commands::Commands;
use super::engine::Engine;
use super::message::Outcome;
use super::types::{Reply, Request};
use crate::mvcc::{Applied, Command};
use crate::operator::{Alarm, AlarmKind, AlarmOp};
use crate::wire::encode_command;

/// How many leases are ended in a row before anything else gets its turn.
const MAX_EXPIRED: usize = 256;

/// The longest sleep; what is due later is looked at again.
const MAX_SLEEP: Duration = Duration::from_secs(24 * 3600);

/// The request that carries `command`; the leader stamps the time.
pub(super) fn command(command: &Command) -> Request {
    let mut bytes = BytesMut::new();
    encode_command(command, Duration::ZERO, &mut bytes);
    Request::Commands(Commands::one(&bytes))
}

impl Engine {
    /// Does the leader's work whenever this member leads, as long as it lives.
    pub(super) async fn keep(&self) {
        loop {
            let standing = self.agreement.standing();
            if !standing.leads() || standing.stopped {
                self.agreement.changed(&standing).await;
                continue;
            }
            tokio::select! {
                biased;
                () = self.agreement.changed(&standing) => {}
                () = self.lead(&standing) => {}
            }
        }
    }

    /// The leader's work in one term; returns when it does not lead any more.
    async fn lead(&self, standing: &Standing) {
        let term = standing.term;
        if self.copy.look(|state| state.limits.is_none()) {
            let outcome = self.agreement.propose(term, Request::Limits(self.limits.clone())).await;
            if !matches!(outcome, Outcome::Applied { .. }) {
                return self.pause().await;
            }
        }
        let mut forget = self.keep_history.map(|age| (self.env.instant() + age, age));
        let mut old = self.copy.replica.read(crate::mvcc::Mvcc::revision);
        loop {
            // The point is that of this term: everything from before it has been applied.
            let Ok(point) = self.agreement.read_index().await else { return self.pause().await };
            let asked = self.env.instant();
            self.copy.wait_applied(point.index).await;
            let at = || point.at + self.env.instant().saturating_duration_since(asked);
            if !self.end_leases(term, at).await {
                return self.pause().await;
            }
            let now = self.env.instant();
            if let Some((due, age)) = forget
                && due <= now
            {
                self.forget(term, old).await;
                old = self.copy.replica.read(crate::mvcc::Mvcc::revision);
                forget = Some((now + age, age));
            }
            let due = self.next_lease(now, at());
            let due = forget.map_or(due, |(forget, _)| due.min(forget));
            tokio::select! {
                biased;
                () = self.copy.leases.notified() => {}
                () = self.env.sleep_until(due) => {}
            }
        }
    }

    /// Lets others act before something that failed is tried again.
    pub(super) async fn pause(&self) {
        self.env.sleep(self.timing.heartbeat).await;
    }

    /// When the next lease ends, where the store's time is `at` now.
    fn next_lease(&self, now: Instant, at: Duration) -> Instant {
        let deadline = self.copy.replica.read(|mvcc| mvcc.leases().next_deadline());
        let left = deadline.map_or(MAX_SLEEP, |deadline| deadline.saturating_sub(at));
        now + left.min(MAX_SLEEP)
    }

    /// Ends the leases that are over; `at` tells the store's time. False if this member seems not
    /// to lead any more.
    async fn end_leases(&self, term: u64, at: impl Fn() -> Duration) -> bool {
        for _ in 0..MAX_EXPIRED {
            let due = self.copy.replica.read(|mvcc| mvcc.leases().next_deadline());
            if due.is_none_or(|due| due > at()) {
                return true;
            }
            match self.agreement.propose(term, command(&Command::Expire)).await {
                Outcome::Applied { reply: Reply::Commands(answers), .. }
                    if matches!(answers[..], [Ok(Applied::Leases(_))]) => {}
                _ => return false,
            }
        }
        true
    }

    /// Forgets the history before `revision`.
    async fn forget(&self, term: u64, revision: Revision) {
        // Somebody else may have forgotten more.
        let _ = self.agreement.propose(term, command(&Command::Compact(revision))).await;
    }

    /// Tells everybody when this member's disk has no space left, as long as it lives.
    pub(super) async fn watch_disk(&self) {
        let alarm = Alarm { member: self.this, kind: AlarmKind::NoSpace };
        loop {
            self.log.reserve_gone().await;
            if !self.copy.look(|state| state.alarms.contains(&alarm)) {
                tracing::warn!("the disk is full; only what frees space is taken");
                if self.submit(Request::Alarm(AlarmOp::Raise(alarm))).await.is_err() {
                    if self.agreement.standing().stopped {
                        return;
                    }
                    // An error has taken its time, unless too much waits.
                    self.pause().await;
                    continue;
                }
            }
            // Whoever clears it has made space, or thinks so.
            self.copy.alarms.notified().await;
            if self.log.try_again().await.is_err() {
                return;
            }
        }
    }
}
