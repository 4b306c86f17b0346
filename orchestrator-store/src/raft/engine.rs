//! The parts of one member, as its store, its keeper and its ear share them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::store::StoreError;
use parking_lot::Mutex;

use super::agreement::{Agreement, Standing};
use super::builder::Timing;
use super::gathering::Gathering;
use super::log::Log;
use super::machine::Copy;
use super::network::{Links, Peer, peer};
use super::once::Once;
use super::reads::Reads;
use super::snapshot::Snapshots;
use crate::mvcc::Limits;
use crate::operator::MemberId;
use crate::planted::Planted;

/// One member.
pub(super) struct Engine {
    pub(super) env: Env,
    pub(super) planted: Planted,
    pub(super) this: MemberId,
    pub(super) cluster: u64,
    pub(super) timing: Timing,
    /// The bounds that this member proposes where none are agreed on.
    pub(super) limits: Limits,
    pub(super) keep_history: Option<Duration>,
    pub(super) links: Arc<Links>,
    pub(super) agreement: Arc<dyn Agreement>,
    pub(super) copy: Arc<Copy>,
    pub(super) log: Log,
    pub(super) snapshots: Arc<Snapshots>,
    pub(super) reads: Reads,
    /// Writes on their way to another who leads.
    pub(super) writes: Gathering<Peer>,
    /// What others had this leader propose.
    pub(super) once: Mutex<Once>,
    /// Tells this life's proposals from those of an earlier one.
    pub(super) session: u64,
    pub(super) proposals: AtomicU64,
    /// One change of members at a time.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("this", &self.this).finish_non_exhaustive()
    }
}

/// Who is to be asked.
pub(super) enum Leader {
    /// This member itself.
    This,
    Other(Peer),
}

impl Engine {
    /// Who leads, as far as `standing` tells.
    pub(super) fn leader(standing: &Standing) -> Option<Leader> {
        let id = standing.leader?;
        if standing.leads() {
            return Some(Leader::This);
        }
        standing.node(id).map(|node| Leader::Other(peer(id, node)))
    }

    /// Waits for something to change after `seen`, or for a moment, but not past `deadline`.
    ///
    /// # Errors
    /// The deadline has passed, or this member's part has ended.
    pub(super) async fn wait(
        &self,
        seen: &Standing,
        deadline: tokio::time::Instant,
    ) -> Result<(), StoreError> {
        if seen.stopped {
            return Err(StoreError::Unavailable("server stopped".into()));
        }
        // What another knows better may change without a change here.
        let moment = (self.env.instant() + self.timing.heartbeat).min(deadline);
        let patience = if seen.leader.is_some() { moment } else { deadline };
        tokio::select! {
            biased;
            () = self.agreement.changed(seen) => {}
            () = self.env.sleep_until(patience) => {}
        }
        if self.env.instant() < deadline {
            return Ok(());
        }
        let why = if seen.leader.is_none() { "no leader" } else { "request timed out" };
        Err(StoreError::Unavailable(why.into()))
    }

    /// When a request that begins now is to be given up.
    pub(super) fn deadline(&self) -> tokio::time::Instant {
        self.env.instant() + self.timing.request
    }
}
