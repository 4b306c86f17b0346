//! Operating a store of one member.

use async_trait::async_trait;
use orchestrator_core::store::{KeyRange, StoreError};

use super::entry::{Answer, Request};
use super::{DurableStore, Shared};
use crate::image;
use crate::operator::{
    Alarm, AlarmKind, AlarmOp, EngineStatus, ImageStream, Member, MemberChange, MemberId,
    Membership, Operator,
};

/// The number of the one member.
pub(super) const MEMBER: MemberId = 1;

/// The alarm of a full disk, or a full quota.
pub(super) const NO_SPACE: Alarm = Alarm { member: MEMBER, kind: AlarmKind::NoSpace };

#[async_trait]
impl Operator for DurableStore {
    async fn members(&self) -> Result<Membership, StoreError> {
        let identity = &self.shared.identity;
        let member = Member { id: MEMBER, name: identity.name.clone(), ..Member::default() };
        Ok(Membership {
            cluster: identity.cluster,
            this: MEMBER,
            leader: Some(MEMBER),
            members: vec![member],
        })
    }

    async fn change_members(&self, _: MemberChange) -> Result<Membership, StoreError> {
        Err(StoreError::Invalid(crate::operator::ONE_MEMBER))
    }

    async fn alarm(&self, op: AlarmOp) -> Result<Vec<Alarm>, StoreError> {
        let kinds = match op {
            AlarmOp::Raise(alarm) | AlarmOp::Clear(alarm) if alarm.member == MEMBER => {
                match self.shared.submit(Request::Alarm(op)).await? {
                    Answer::Alarms(kinds) => kinds,
                    Answer::Applied(_) => unreachable!("an alarm is answered as one"),
                }
            }
            _ => self.shared.state.lock().alarm(AlarmOp::List),
        };
        Ok(kinds.into_iter().map(|kind| Alarm { member: MEMBER, kind }).collect())
    }

    async fn image(&self) -> Result<ImageStream, StoreError> {
        let Shared { env, replica, state, .. } = &*self.shared;
        // Who reads the image elsewhere has no use for where it is in this log.
        let meta = state.lock().encode();
        Ok(image::stream(env.clone(), replica.read(|mvcc| mvcc.fork()), meta))
    }

    async fn engine(&self) -> Result<EngineStatus, StoreError> {
        let applied = self.shared.state.lock().index;
        let (data_bytes, quota_bytes) =
            self.shared.replica.read(|mvcc| (mvcc.data_bytes(), mvcc.limits().data_bytes));
        Ok(EngineStatus {
            term: 1,
            committed: applied,
            applied,
            disk_bytes: self.shared.sizes.total(),
            data_bytes,
            quota_bytes,
            learner: false,
        })
    }

    fn demand_progress(&self, of: &[KeyRange]) {
        self.shared.replica.demand_progress(of);
    }
}
