//! How long there is no leader.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::face::Face;

/// For how many election timeouts in a row there must be no leader.
const MISSES: u32 = 3;

/// Resolves when there has been no leader for three election timeouts; never where there is one
/// member, which always leads.
///
/// No engine tells of a change of leader, so this looks once per timeout, which is as precise as the
/// rule.
pub(super) fn lost(face: Arc<Face>) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let mut misses = 0;
        while misses < MISSES {
            match face.store.members().await {
                Ok(now) if now.members.len() == 1 => std::future::pending().await,
                Ok(now) if now.leader.is_some() => misses = 0,
                _ => misses += 1,
            }
            face.env.sleep(face.options.election_timeout).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use orchestrator_core::Env;
    use orchestrator_core::store::{
        KeyRange, LeaseInfo, LeaseOp, Range, RangeResponse, Revision, Store, StoreError,
        StoreStatus, Txn, TxnResponse, WatchRequest, WatchStream,
    };
    use parking_lot::Mutex;

    use super::*;
    use crate::Operator;
    use crate::face::Options;
    use crate::operator::{
        Alarm, AlarmOp, EngineStatus, ImageStream, Member, MemberChange, Membership,
    };

    /// A member of several that tells the leaders of a script, and holds nothing.
    #[derive(Debug)]
    struct Script {
        members: u64,
        leaders: Mutex<Vec<Option<u64>>>,
    }

    fn holds_nothing<T>() -> Result<T, StoreError> {
        Err(StoreError::Unavailable("no leader".into()))
    }

    #[async_trait]
    impl Store for Script {
        async fn range(&self, _: Range) -> Result<RangeResponse, StoreError> {
            holds_nothing()
        }

        async fn txn(&self, _: Txn) -> Result<TxnResponse, StoreError> {
            holds_nothing()
        }

        async fn watch(&self, _: WatchRequest) -> Result<WatchStream, StoreError> {
            holds_nothing()
        }

        async fn lease(&self, _: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
            holds_nothing()
        }

        async fn compact(&self, _: Revision) -> Result<(), StoreError> {
            holds_nothing()
        }

        async fn status(&self) -> Result<StoreStatus, StoreError> {
            holds_nothing()
        }
    }

    #[async_trait]
    impl Operator for Script {
        async fn members(&self) -> Result<Membership, StoreError> {
            let member = |id| Member { id, ..Member::default() };
            let members = (1..=self.members).map(member).collect();
            let leader = self.leaders.lock().pop().flatten();
            Ok(Membership { cluster: 1, this: 1, leader, members })
        }

        async fn change_members(&self, _: MemberChange) -> Result<Membership, StoreError> {
            holds_nothing()
        }

        async fn alarm(&self, _: AlarmOp) -> Result<Vec<Alarm>, StoreError> {
            holds_nothing()
        }

        async fn image(&self) -> Result<ImageStream, StoreError> {
            holds_nothing()
        }

        async fn engine(&self) -> Result<EngineStatus, StoreError> {
            holds_nothing()
        }

        fn demand_progress(&self, _: &[KeyRange]) {}
    }

    /// After how long the leader counts as lost, at most in a minute.
    async fn lost_after(members: u64, leaders: &[Option<u64>]) -> Option<Duration> {
        let env = Env::simulated(1);
        let leaders = Mutex::new(leaders.iter().rev().copied().collect());
        let store = Arc::new(Script { members, leaders });
        let face = Arc::new(Face::new(env.clone(), store, Options::new()));
        let start = env.instant();
        tokio::select! {
            biased;
            () = lost(face) => Some(env.instant() - start),
            () = env.sleep(Duration::from_secs(60)) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_is_lost_after_three_timeouts_without_one() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(lost_after(3, &[]).await, seconds(3));
        assert_eq!(lost_after(3, &[Some(2), Some(2)]).await, seconds(5));
        assert_eq!(lost_after(3, &[None, None, Some(2)]).await, seconds(6));
        assert_eq!(lost_after(1, &[]).await, None);
    }
}
