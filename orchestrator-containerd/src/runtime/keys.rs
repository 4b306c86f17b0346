//! Turns: who works on a pod or a container, so that two operations on one never interleave.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// One turn per key.
#[derive(Debug, Default)]
pub(super) struct Keys {
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Keys {
    /// Waits for the turn of `key`, which is held until the guard is dropped.
    pub(super) async fn turn(&self, key: String) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock();
            // Those that nobody holds or waits for are only here.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(key).or_default())
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_key_has_one_turn_at_a_time() {
        let keys = Keys::default();
        let first = keys.turn("a".into()).await;
        assert!(keys.turn("b".into()).now_or_never().is_some());
        assert!(keys.turn("a".into()).now_or_never().is_none());
        drop(first);
        assert!(keys.turn("a".into()).now_or_never().is_some());
        drop(keys.turn("c".into()).await);
        assert_eq!(keys.turns.lock().len(), 1);
    }
}
