//! Does what time asks for: ends leases, forgets old revisions. Both are entries of the log.

use std::sync::Arc;

use super::Shared;
use super::entry::Request;
use crate::mvcc::Command;
use crate::replica::timer::MAX_SLEEP;
use orchestrator_core::store::StoreError;

/// How many leases end in a batch.
const MAX_EXPIRED: usize = 1000;

/// How long to wait after the log refused.
const RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// Serves the store until the task is dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    let replica = &shared.replica;
    loop {
        // A change between the look and the wait leaves a permit, so that it is not missed.
        let Some(due) = replica.next_due() else {
            replica.timer.notified().await;
            continue;
        };
        let due = replica.instant_of(due.min(replica.elapsed() + MAX_SLEEP));
        tokio::select! {
            biased;
            () = replica.timer.notified() => continue,
            () = shared.env.sleep_until(due) => {}
        }
        if let Err(error) = tick(&shared).await {
            tracing::debug!(%error, "what is due has to wait");
            shared.env.sleep(RETRY).await;
        }
    }
}

/// Ends the leases that are over, forgets what is old enough.
async fn tick(shared: &Shared) -> Result<(), StoreError> {
    let _busy = shared.env.activity().begin();
    if let Some(revision) = shared.replica.compaction_due() {
        match shared.submit(Request::Command(Command::Compact(revision))).await {
            // The limits may have forgotten more than that already.
            Ok(_) | Err(StoreError::Compacted { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let at = shared.replica.elapsed();
    let over = shared.replica.read(|mvcc| mvcc.leases().over(at, MAX_EXPIRED));
    let expire = || shared.submit(Request::Command(Command::Expire));
    let ended = futures::future::join_all((0..over).map(|_| expire())).await;
    ended.into_iter().try_for_each(|ended| ended.map(drop))
}
