//! The store's one task: it sleeps until the next lease ends or history is old enough.

use std::sync::Arc;
use std::time::Duration;

use super::Replica;

/// The longest sleep; what is due later is looked at again. tokio's timer ends at two years.
pub(crate) const MAX_SLEEP: Duration = Duration::from_secs(365 * 24 * 3600);

/// Serves `replica` until the task is dropped.
pub(crate) async fn run(replica: Arc<Replica>) {
    loop {
        // A change between the look and the wait leaves a permit, so that it is not missed.
        let Some(due) = replica.next_due() else {
            replica.timer.notified().await;
            continue;
        };
        let due = due.min(replica.elapsed() + MAX_SLEEP);
        tokio::select! {
            biased;
            () = replica.timer.notified() => {}
            () = replica.env.sleep_until(replica.instant_of(due)) => replica.tick(),
        }
    }
}
