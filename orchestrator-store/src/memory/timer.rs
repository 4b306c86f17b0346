//! The store's one task: it sleeps until the next lease ends or history is old enough.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;

/// The longest sleep; what is due later is looked at again. tokio's timer ends at two years.
const MAX_SLEEP: Duration = Duration::from_secs(365 * 24 * 3600);

/// Serves `shared` until the task is dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        // A change between the look and the wait leaves a permit, so that it is not missed.
        let Some(due) = shared.next_due() else {
            shared.timer.notified().await;
            continue;
        };
        let due = due.min(shared.elapsed() + MAX_SLEEP);
        tokio::select! {
            biased;
            () = shared.timer.notified() => {}
            () = shared.env.sleep_until(shared.epoch + due) => shared.tick(),
        }
    }
}
