//! Operating a store in memory: one member, which has no disk and no alarm but what is raised.

use async_trait::async_trait;
use bytes::Bytes;
use orchestrator_core::store::{KeyRange, StoreError};

use super::MemoryStore;
use crate::image;
use crate::mvcc::Mvcc;
use crate::operator::{
    Alarm, AlarmOp, EngineStatus, ImageStream, Member, MemberChange, MemberId, Membership,
    ONE_MEMBER, Operator,
};

/// The number of the one member, and of the cluster.
const MEMBER: MemberId = 1;

#[async_trait]
impl Operator for MemoryStore {
    async fn members(&self) -> Result<Membership, StoreError> {
        let member = Member { id: MEMBER, name: super::ENGINE.into(), ..Member::default() };
        let (this, leader) = (MEMBER, Some(MEMBER));
        Ok(Membership { cluster: MEMBER, this, leader, members: vec![member] })
    }

    async fn change_members(&self, _: MemberChange) -> Result<Membership, StoreError> {
        Err(StoreError::Invalid(ONE_MEMBER))
    }

    async fn alarm(&self, op: AlarmOp) -> Result<Vec<Alarm>, StoreError> {
        let mut alarms = self.alarms.lock();
        match op {
            AlarmOp::Raise(alarm) if alarm.member == MEMBER => drop(alarms.insert(alarm)),
            AlarmOp::Clear(alarm) => drop(alarms.remove(&alarm)),
            AlarmOp::Raise(_) | AlarmOp::List => {}
        }
        Ok(alarms.iter().copied().collect())
    }

    async fn image(&self) -> Result<ImageStream, StoreError> {
        let fork = self.replica.read(Mvcc::fork);
        Ok(image::stream(self.replica.env.clone(), fork, Bytes::new()))
    }

    async fn engine(&self) -> Result<EngineStatus, StoreError> {
        let (revision, data_bytes, quota_bytes) = self
            .replica
            .read(|mvcc| (mvcc.revision().get(), mvcc.data_bytes(), mvcc.limits().data_bytes));
        Ok(EngineStatus {
            term: 1,
            // Every revision but the first was a command; those that changed nothing left no trace.
            committed: revision - 1,
            applied: revision - 1,
            disk_bytes: data_bytes,
            data_bytes,
            quota_bytes,
            learner: false,
        })
    }

    fn demand_progress(&self, of: &[KeyRange]) {
        self.replica.demand_progress(of);
    }
}
