//! A value that others wait on, who are woken in the order of their waiting.
//!
//! tokio's own watch channel spreads its waiters over several lists and draws at random where it
//! begins to wake; a run that is to repeat cannot have that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use openraft::rt::watch::{RecvError, SendError, Watch, WatchReceiver, WatchSender};
use openraft::rt::{OptionalSend, OptionalSync};
use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::Notify;

/// The channels of this module.
pub(crate) struct Watched;

struct Shared<T> {
    value: RwLock<T>,
    version: AtomicU64,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    changed: Notify,
}

/// Changes the value.
pub(crate) struct Sender<T>(Arc<Shared<T>>);

/// Waits for changes.
pub(crate) struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

impl<T> Shared<T> {
    fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    fn tell(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.changed.notify_waiters();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.receivers.fetch_add(1, Ordering::SeqCst);
        Self { shared: Arc::clone(&self.shared), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receivers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Watch for Watched {
    type Sender<T: OptionalSend + OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = RwLockReadGuard<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(init: T) -> (Sender<T>, Receiver<T>) {
        let shared = Arc::new(Shared {
            value: RwLock::new(init),
            version: AtomicU64::new(0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            changed: Notify::new(),
        });
        (Sender(Arc::clone(&shared)), Receiver { shared, seen: 0 })
    }
}

impl<T: OptionalSend + OptionalSync> WatchSender<Watched, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.0.receivers.load(Ordering::SeqCst) == 0 {
            return Err(SendError(value));
        }
        // The old value is dropped after the lock.
        let _old = std::mem::replace(&mut *self.0.value.write(), value);
        self.0.tell();
        Ok(())
    }

    fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        let modified = modify(&mut *self.0.value.write());
        if modified {
            self.0.tell();
        }
        modified
    }

    fn borrow_watched(&self) -> RwLockReadGuard<'_, T> {
        // A caller may hold another look at the same value.
        self.0.value.read_recursive()
    }

    fn subscribe(&self) -> Receiver<T> {
        self.0.receivers.fetch_add(1, Ordering::SeqCst);
        Receiver { shared: Arc::clone(&self.0), seen: self.0.version() }
    }
}

impl<T: OptionalSend + OptionalSync> WatchReceiver<Watched, T> for Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        loop {
            // Made before the look, so that no change falls between look and wait.
            let changed = self.shared.changed.notified();
            let version = self.shared.version();
            if version != self.seen {
                self.seen = version;
                return Ok(());
            }
            if self.shared.senders.load(Ordering::SeqCst) == 0 {
                return Err(RecvError(()));
            }
            changed.await;
        }
    }

    fn borrow_watched(&self) -> RwLockReadGuard<'_, T> {
        self.shared.value.read_recursive()
    }

    fn borrow_and_update(&mut self) -> RwLockReadGuard<'_, T> {
        // The version first: a change in between is then seen again rather than missed.
        self.seen = self.shared.version();
        self.shared.value.read_recursive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_is_seen_once_and_the_end_is_told() {
        let (sender, mut first) = Watched::channel(1);
        let mut second = first.clone();
        sender.send(2).unwrap();
        first.changed().await.unwrap();
        assert_eq!(*first.borrow_watched(), 2);
        assert!(!sender.send_if_modified(|_| false));
        assert_eq!(*second.borrow_and_update(), 2);
        let env = orchestrator_core::Env::system();
        let waiting = env.spawn("waiting", async move { second.changed().await.is_err() });
        tokio::task::yield_now().await;
        drop(sender);
        assert!(waiting.await.unwrap());
        assert!(first.changed().await.is_err());
    }

    #[tokio::test]
    async fn a_value_that_nobody_receives_is_given_back() {
        let (sender, receiver) = Watched::channel(1);
        drop(receiver);
        assert_eq!(sender.send(2).unwrap_err().0, 2);
        let mut late = sender.subscribe();
        sender.send(3).unwrap();
        late.changed().await.unwrap();
        assert_eq!(*late.borrow_watched(), 3);
    }
}
