//! The count of work in progress, so that a caller can wait until there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How much work is in progress: undelivered events, queued keys, running reconciles.
///
/// A part that accepts work takes a [`Busy`] and keeps it until the work has had its effect.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    busy: AtomicUsize,
    begun: AtomicU64,
    idle: Notify,
}

/// One piece of work in progress; dropping it ends the work.
#[derive(Debug)]
#[must_use = "the work counts as done when this is dropped"]
pub struct Busy {
    inner: Arc<Inner>,
}

impl Activity {
    /// Begins a piece of work.
    pub fn begin(&self) -> Busy {
        self.inner.begun.fetch_add(1, Ordering::SeqCst);
        self.inner.busy.fetch_add(1, Ordering::SeqCst);
        Busy { inner: Arc::clone(&self.inner) }
    }

    /// How many pieces of work are in progress.
    pub fn busy(&self) -> usize {
        self.inner.busy.load(Ordering::SeqCst)
    }

    /// How many pieces of work were ever begun; unchanged between two looks means that nothing
    /// happened in between.
    pub fn begun(&self) -> u64 {
        self.inner.begun.load(Ordering::SeqCst)
    }

    /// Waits until no work is in progress.
    pub async fn idle(&self) {
        loop {
            let notified = self.inner.idle.notified();
            if self.busy() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.inner.busy.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.inner.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn idle_returns_when_the_last_work_ends() {
        let activity = Activity::default();
        activity.idle().await;
        let (first, second) = (activity.begin(), activity.begin());
        drop(first);
        let waiting = tokio::time::timeout(std::time::Duration::ZERO, activity.idle()).await;
        assert!(waiting.is_err());
        drop(second);
        activity.idle().await;
        assert_eq!((activity.busy(), activity.begun()), (0, 2));
    }
}
