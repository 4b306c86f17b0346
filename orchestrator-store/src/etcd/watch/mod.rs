//! Watches: many readers, one stream to etcd.
//!
//! [`board::Board`] holds what each reader is owed and knows nothing of connections; [`link`] holds
//! the connection and knows nothing of readers. A reader that does not read fills its queue; then
//! its watch is ended at the server, and asked for again from where it stopped once the queue has
//! been read: it costs the other readers nothing, and misses nothing unless it is compacted.

mod board;
mod link;
#[cfg(test)]
mod tests;
mod version;
mod watcher;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{Stream, StreamExt};
use orchestrator_core::env::Task;
use orchestrator_core::store::{Revision, StoreError, WatchStream, WatchUpdate};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::client::Client;
use super::error::TimedOut;
use super::keys::{Prefix, WireRange};
use board::{Board, Key};
use watcher::{Taken, Watcher};

/// All watches of one store.
#[derive(Debug)]
pub(super) struct Watches {
    shared: Arc<Shared>,
    /// Runs from the first watch on.
    link: Mutex<Option<Task<()>>>,
}

#[derive(Debug)]
struct Shared {
    client: Arc<Client>,
    board: Mutex<Board>,
    /// Wakes the link when there is something to ask of the server.
    work: Notify,
}

impl Shared {
    /// Changes the board, then wakes whom that concerns, outside the lock.
    fn with<T>(&self, change: impl FnOnce(&mut Board, &mut Vec<Waker>) -> T) -> T {
        let mut wakers = Vec::new();
        let done = change(&mut self.board.lock(), &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        done
    }
}

impl Watches {
    pub(super) fn new(client: Arc<Client>, prefix: Prefix) -> Self {
        let board = Mutex::new(Board::new(prefix));
        let shared = Arc::new(Shared { client, board, work: Notify::new() });
        Self { shared, link: Mutex::new(None) }
    }

    /// Watches `keys` from the revision `from`, which is not zero; answers when etcd has taken it.
    pub(super) async fn watch(
        &self,
        keys: WireRange,
        from: Revision,
        progress: Option<Duration>,
    ) -> Result<WatchStream, StoreError> {
        self.ensure_link();
        let shared = Arc::clone(&self.shared);
        let now = shared.client.env.instant();
        let key = shared.board.lock().add(Watcher::new(keys, from, progress, now));
        shared.work.notify_one();
        let mut watch = Watch { shared, key: Some(key) };
        let client = &self.shared.client;
        let accepted = std::future::poll_fn(|cx| watch.poll_accepted(cx));
        match client.until(client.deadline(), accepted).await {
            Some(Ok(())) => Ok(watch.boxed()),
            Some(Err(error)) => Err(error),
            None => {
                let why = self.shared.board.lock().last_failure().map(Into::into);
                Err(StoreError::Unavailable(why.unwrap_or_else(|| TimedOut.into())))
            }
        }
    }

    /// Asks for progress for all watchers of these ranges that take it; of all, where none is
    /// named.
    pub(super) fn demand_progress(&self, of: &[WireRange]) {
        let now = self.shared.client.env.instant();
        self.shared.board.lock().demand_progress(of, now);
        self.shared.work.notify_one();
    }

    fn ensure_link(&self) {
        let mut link = self.link.lock();
        if link.is_none() {
            let task = link::run(Arc::clone(&self.shared));
            *link = Some(self.shared.client.env.spawn("etcd-watches", task));
        }
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.shared.with(Board::close);
    }
}

/// One reader.
struct Watch {
    shared: Arc<Shared>,
    /// `None` once it has ended.
    key: Option<Key>,
}

impl Watch {
    fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StoreError>> {
        let key = self.key.expect("a watch that waits to be accepted has not ended");
        self.shared.board.lock().poll_accepted(key, cx.waker())
    }
}

impl Stream for Watch {
    type Item = Result<WatchUpdate, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(key) = self.key else { return Poll::Ready(None) };
        let taken = self.shared.board.lock().take(key, cx.waker());
        match taken {
            Taken::Update(update) => Poll::Ready(Some(Ok(update))),
            Taken::End(error) => {
                self.shared.board.lock().remove(key);
                self.key = None;
                Poll::Ready(Some(Err(error)))
            }
            Taken::Nothing { again } => {
                if again {
                    self.shared.work.notify_one();
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.board.lock().remove(key);
            self.shared.work.notify_one();
        }
    }
}
