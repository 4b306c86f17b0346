//! Forgetting by age over any engine, as API servers do it.
//!
//! All servers on one store agree through one key, [`MARK`], whose version counts the rounds: who
//! writes the next version first compacts, the others wait for the round after. A round compacts
//! at the revision that was the newest when the round before it ended, so that at least one
//! interval of history stays. The key and its use are upstream's: our servers and an unmodified
//! kube-apiserver can share a store.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::env::Task;
use orchestrator_core::store::{
    Compare, Key, KeyRange, Op, OpResult, Put, Range, Relation, Store, StoreError, Target, Txn,
    TxnResponse,
};
use orchestrator_core::{Env, Revision, Value};

/// The key by which the servers on one store agree; its value is the revision of the last round.
pub const MARK: &str = "compact_rev_key";

/// How often Kubernetes compacts.
pub const INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Compacts `store` every `interval`, until the task is dropped.
pub fn run(store: Arc<dyn Store>, env: Env, interval: Duration) -> Task<()> {
    let clock = env.clone();
    env.spawn("compactor", async move {
        let mut state = State::default();
        loop {
            clock.sleep(interval).await;
            state = match round(&*store, state).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(%error, "compaction failed");
                    state
                }
            };
        }
    })
}

/// What one server knows between two rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// How many rounds there were.
    version: u64,
    /// The newest revision when the last one ended.
    newest: Revision,
}

/// Takes part in one round.
async fn round(store: &dyn Store, state: State) -> Result<State, StoreError> {
    let claimed = store.txn(claim(state)).await?;
    if !claimed.succeeded {
        return Ok(State { version: version(&claimed), newest: claimed.revision });
    }
    if !state.newest.is_zero() {
        match store.compact(state.newest).await {
            Ok(()) => tracing::info!(revision = %state.newest, "compacted"),
            // A store that bounds itself has forgotten more than that already.
            Err(StoreError::Compacted { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(State { version: state.version + 1, newest: claimed.revision })
}

/// Writes the next version of the mark, or reads the one that another server wrote.
fn claim(state: State) -> Txn {
    let mark = KeyRange::key(MARK);
    let value = Value::from_bytes(state.newest.get().to_string());
    Txn {
        compare: vec![Compare {
            keys: mark.clone(),
            target: Target::Version(state.version),
            relation: Relation::Equal,
        }],
        then: vec![Op::Put(Put::new(Key::from(MARK), value))],
        otherwise: vec![Op::Range(Range::new(mark))],
    }
}

/// The version of the mark that a lost claim found.
fn version(lost: &TxnResponse) -> u64 {
    match lost.results.first() {
        Some(OpResult::Range(found)) => found.kvs.first().map_or(0, |mark| mark.version),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use orchestrator_core::StoreExt;

    const MINUTE: Duration = Duration::from_secs(60);

    async fn write(store: &MemoryStore, times: usize) -> Revision {
        for n in 0..times {
            let put = Put { lease: Some(0), ..Put::new("k", Value::from_bytes(n.to_string())) };
            store.txn(Txn { then: vec![Op::Put(put)], ..Txn::default() }).await.unwrap();
        }
        store.status().await.unwrap().revision
    }

    #[tokio::test(start_paused = true)]
    async fn history_of_one_interval_stays_and_what_is_older_goes() {
        let env = Env::simulated(1);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let _task = run(Arc::clone(&store) as _, env.clone(), 5 * MINUTE);
        let old = write(&store, 10).await;
        env.sleep(6 * MINUTE).await;
        assert!(store.status().await.unwrap().compacted < old, "the first round only looks");
        let newer = write(&store, 10).await;
        env.sleep(5 * MINUTE).await;
        let compacted = store.status().await.unwrap().compacted;
        assert!(compacted >= old && compacted < newer, "{compacted} is not in {old}..{newer}");
    }

    #[tokio::test]
    async fn of_several_servers_one_compacts_and_the_others_follow() {
        let store = MemoryStore::new(Env::system());
        write(&store, 3).await;
        let (mut a, mut b) = (State::default(), State::default());
        for _ in 0..4 {
            a = round(&store, a).await.unwrap();
            b = round(&store, b).await.unwrap();
            write(&store, 1).await;
        }
        assert_eq!(a.version, b.version);
        let (_, mark) = store.get(MARK).await.unwrap();
        assert_eq!(mark.unwrap().version, a.version);
        assert!(!store.status().await.unwrap().compacted.is_zero());
    }
}
