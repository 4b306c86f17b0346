//! What a session gives out: changes, progress, the end of a watcher.

use std::sync::Arc;

use orchestrator_core::store::{Event, Revision, StoreError, WatchUpdate};
use tonic::Status;

use super::demand::{Demand, Standing};
use super::session::{NO_ID, Session};
use crate::face::encode::{WatchAnswer, number};
use crate::face::refused;
use crate::proto::etcd::ResponseHeader;

/// A revision that none exceeds.
const NO_LIMIT: Revision = Revision::new(u64::MAX);

/// The changes of one revision.
type Change = (Revision, Arc<[Arc<Event>]>);

impl<R> Session<R> {
    /// The newest revision, after which the session's header is that of now.
    pub(super) async fn refresh(&mut self) -> Result<Revision, Status> {
        let newest = self.face.revision().await?;
        self.header = self.face.header(newest).await?;
        Ok(newest)
    }

    /// The header of an answer at `revision`.
    fn header_at(&self, revision: Revision) -> ResponseHeader {
        let raft_term = self.face.store.term();
        ResponseHeader { revision: number(revision.get()), raft_term, ..self.header }
    }

    /// Takes what the store gave the watcher `id`.
    ///
    /// # Errors
    /// The store failed, and with it the stream.
    pub(super) fn take(
        &mut self,
        id: i64,
        updates: Vec<Result<WatchUpdate, StoreError>>,
    ) -> Result<(), Status> {
        let mut changes = Vec::new();
        for update in updates {
            match update {
                Ok(WatchUpdate::Events { revision, events }) => match &mut self.demand {
                    Some(demand) if revision > demand.target => demand.hold((id, revision, events)),
                    _ => changes.push((revision, events)),
                },
                Ok(WatchUpdate::Progress(revision)) => {
                    self.deliver(id, std::mem::take(&mut changes));
                    self.progressed(id, revision);
                }
                Err(StoreError::Compacted { oldest, .. }) => {
                    self.deliver(id, std::mem::take(&mut changes));
                    self.end_compacted(id, oldest);
                }
                Err(error) => return Err(refused(error)),
            }
        }
        self.deliver(id, changes);
        Ok(())
    }

    fn deliver(&mut self, id: i64, changes: Vec<Change>) {
        let Some((newest, _)) = changes.last() else { return };
        self.delivered = self.delivered.max(*newest);
        let header = self.header_at(*newest);
        let Some(watcher) = self.watchers.get(&id) else { return };
        let at = |revision: Revision| ResponseHeader { revision: number(revision.get()), ..header };
        watcher.answers(changes, at, &mut self.out);
    }

    /// Tells progress to a watcher that wants it, unless all are about to be told.
    fn progressed(&mut self, id: i64, revision: Revision) {
        if let Some(demand) = &mut self.demand {
            demand.reached(id, revision);
            return;
        }
        let (header, now) = (self.header_at(revision), self.face.env.instant());
        let Some(watcher) = self.watchers.get_mut(&id) else { return };
        if revision >= watcher.from && watcher.is_due(now) {
            self.out.push_back(WatchAnswer { header, watch_id: id, ..WatchAnswer::default() });
        }
    }

    /// Ends a watcher whose next change is compacted.
    pub(super) fn end_compacted(&mut self, id: i64, oldest: Revision) {
        self.forget(id);
        self.out.push_back(WatchAnswer {
            header: self.header_at(Revision::ZERO),
            watch_id: id,
            canceled: true,
            compact_revision: number(oldest.get()),
            ..WatchAnswer::default()
        });
    }

    /// Lets go of a watcher; false if there is none.
    pub(super) fn forget(&mut self, id: i64) -> bool {
        if let Some(demand) = &mut self.demand {
            demand.reached(id, NO_LIMIT);
        }
        self.watchers.remove(&id).is_some()
    }

    /// Demands progress of all watchers, or once more after the demand that is being answered.
    pub(super) async fn demand_progress(&mut self) -> Result<(), Status> {
        if let Some(demand) = &mut self.demand {
            demand.again = true;
            return Ok(());
        }
        // Another member may have answered that is not as far as the one whose changes came.
        let target = self.refresh().await?.max(self.delivered);
        if self.watchers.values().any(|watcher| watcher.from > target.next()) {
            // One that waits for the future cannot tell; etcd does not answer then either.
            return Ok(());
        }
        self.demand = Some(Demand::new(target, self.watchers.keys().copied().collect()));
        // Only those of this stream: other clients have not asked.
        let mut ranges: Vec<_> = self.watchers.values().map(|w| w.keys.clone()).collect();
        ranges.dedup();
        if !ranges.is_empty() {
            self.face.store.demand_progress(&ranges);
        }
        Ok(())
    }

    /// Answers a demand that is met.
    pub(super) async fn settle_demand(&mut self) -> Result<(), Status> {
        while let Some(demand) = &self.demand {
            let standing = demand.standing();
            if standing == Standing::Waiting {
                break;
            }
            let Some(demand) = self.demand.take() else { break };
            if standing == Standing::Met {
                let header = self.header_at(demand.target);
                self.out.push_back(WatchAnswer { header, watch_id: NO_ID, ..Default::default() });
            }
            let again = demand.again;
            for (id, revision, events) in demand.release() {
                self.deliver(id, vec![(revision, events)]);
            }
            if again {
                self.demand_progress().await?;
            }
        }
        Ok(())
    }
}
