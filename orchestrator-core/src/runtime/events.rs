//! Changes of pods, from a runtime to its subscribers, as levels.
//!
//! Each subscriber has a set of uids that changed since it last looked, so a slow one loses
//! nothing and a pod that changes a hundred times takes one place.

use std::sync::{Arc, Weak};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use indexmap::IndexSet;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::RuntimeEvent;

/// Tells subscribers which pods have changed.
#[derive(Debug, Default)]
pub struct Events {
    subscribers: Mutex<Vec<Weak<Changed>>>,
}

/// What one subscriber has not seen yet, in order.
#[derive(Debug, Default)]
struct Changed {
    uids: Mutex<IndexSet<Arc<str>, rustc_hash::FxBuildHasher>>,
    wake: Notify,
}

impl Events {
    /// Tells that something of the pod `uid` has changed.
    pub fn changed(&self, uid: &str) {
        let uid: Arc<str> = uid.into();
        self.subscribers.lock().retain(|subscriber| {
            let Some(subscriber) = subscriber.upgrade() else { return false };
            subscriber.uids.lock().insert(Arc::clone(&uid));
            subscriber.wake.notify_one();
            true
        });
    }

    /// The changes from now on.
    pub fn subscribe(&self) -> BoxStream<'static, RuntimeEvent> {
        let changed = Arc::new(Changed::default());
        self.subscribers.lock().push(Arc::downgrade(&changed));
        stream::unfold(changed, |changed| async move {
            loop {
                let next = changed.uids.lock().shift_remove_index(0);
                match next {
                    Some(uid) => return Some((RuntimeEvent::Pod(uid), changed)),
                    None => changed.wake.notified().await,
                }
            }
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_subscriber_sees_each_changed_pod_once() {
        let events = Events::default();
        let (mut first, mut second) = (events.subscribe(), events.subscribe());
        for uid in ["a", "b", "a"] {
            events.changed(uid);
        }
        for stream in [&mut first, &mut second] {
            assert_eq!(stream.next().await, Some(RuntimeEvent::Pod("a".into())));
            assert_eq!(stream.next().await, Some(RuntimeEvent::Pod("b".into())));
        }
        events.changed("a");
        assert_eq!(first.next().await, Some(RuntimeEvent::Pod("a".into())));
        drop(second);
        events.changed("c");
        assert_eq!(events.subscribers.lock().len(), 1);
    }
}
