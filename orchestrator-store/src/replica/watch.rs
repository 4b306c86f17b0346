//! A watch as a stream; it has no task, and polls the hub.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::Stream;
use orchestrator_core::store::{StoreError, WatchUpdate};

use super::Replica;
use crate::hub::{Look, Updates, WatcherId};
use crate::planted::Fault;

/// The stream of one watcher.
pub(super) struct Watch {
    replica: Arc<Replica>,
    id: WatcherId,
    /// Taken from the hub, not yet from the stream.
    updates: Updates,
    progress: Option<ProgressTimer>,
    ended: bool,
}

/// Tells when nothing else has come for long enough.
struct ProgressTimer {
    every: Duration,
    /// Runs while the watcher is idle.
    sleep: Option<BoxFuture<'static, ()>>,
}

impl Watch {
    pub(super) fn new(replica: Arc<Replica>, id: WatcherId, progress: Option<Duration>) -> Self {
        let progress = progress.map(|every| ProgressTimer { every, sleep: None });
        Self { replica, id, updates: Updates::None, progress, ended: false }
    }

    fn end(&mut self, error: StoreError) -> Poll<Option<Result<WatchUpdate, StoreError>>> {
        self.ended = true;
        self.replica.unwatch(self.id);
        Poll::Ready(Some(Err(error)))
    }

    /// Whether the watcher has been idle long enough; starts the time if it does not run.
    fn progress_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(ProgressTimer { every, sleep }) = &mut self.progress else { return false };
        if *every == Duration::MAX {
            return false;
        }
        let running = sleep.get_or_insert_with(|| {
            let env = self.replica.env.clone();
            let deadline = env.instant() + *every;
            Box::pin(async move { env.sleep_until(deadline).await })
        });
        let due = running.as_mut().poll(cx).is_ready();
        if due {
            *sleep = None;
        }
        due
    }

    /// The updates with the faults that are planted into watches.
    fn distorted(&self, updates: Updates) -> Updates {
        let planted = self.replica.planted;
        if !planted.has(Fault::SplitRevision) && !planted.has(Fault::EarlyProgress) {
            return updates;
        }
        let mut updates = updates.into_own();
        planted.distort(&mut updates, self.progress.is_some());
        Updates::Own(updates)
    }

    fn delivered(&mut self) -> Option<WatchUpdate> {
        let update = self.updates.next()?;
        if let Some(timer) = &mut self.progress {
            timer.sleep = None;
        }
        Some(update)
    }
}

impl Stream for Watch {
    type Item = Result<WatchUpdate, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let mut due = false;
        loop {
            if let Some(update) = this.delivered() {
                return Poll::Ready(Some(Ok(update)));
            }
            match this.replica.look(this.id, due, cx.waker()) {
                Look::Updates(updates) => this.updates = this.distorted(updates),
                Look::Again => {}
                Look::Lost(error) => return this.end(error),
                Look::Closed => {
                    return this.end(StoreError::Unavailable("the store was dropped".into()));
                }
                Look::Idle(token) => {
                    drop(token);
                    // An idle watcher keeps no segment from being let go.
                    this.updates = Updates::None;
                    if due || !this.progress_due(cx) {
                        return Poll::Pending;
                    }
                    due = true;
                }
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.ended {
            self.replica.unwatch(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub;

    #[test]
    fn an_idle_watcher_takes_less_than_200_bytes() {
        let bytes = size_of::<Watch>() + hub::IDLE_BYTES;
        assert!(bytes <= 200, "{bytes} bytes");
    }
}
