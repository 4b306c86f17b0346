//! What an operator asks of etcd: members, alarms, how it is; and its data as an image of ours.

use async_trait::async_trait;
use orchestrator_core::store::{KeyRange, StoreError};

use super::EtcdStore;
use super::error::{CallError, Refusal};
use crate::operator::{
    Alarm, AlarmKind, AlarmOp, EngineStatus, ImageStream, Member, MemberChange, MemberId,
    Membership, Operator,
};
use crate::proto::etcd as wire;
use crate::proto::etcd::alarm_request::AlarmAction;

#[async_trait]
impl Operator for EtcdStore {
    async fn members(&self) -> Result<Membership, StoreError> {
        let request = wire::MemberListRequest { linearizable: true };
        let listed = self.client.read(request).await.map_err(CallError::plain)?;
        let status = self.client.read(wire::StatusRequest {}).await.map_err(CallError::plain)?;
        let header = listed.header.unwrap_or_default();
        let mut members: Vec<_> = listed.members.into_iter().map(member).collect();
        members.sort_by_key(|member| member.id);
        Ok(Membership {
            cluster: header.cluster_id,
            this: header.member_id,
            leader: (status.leader != 0).then_some(status.leader),
            members,
        })
    }

    async fn change_members(&self, change: MemberChange) -> Result<Membership, StoreError> {
        let client = &self.client;
        let changed = match change {
            // A member gives itself its name when it joins.
            MemberChange::Add { peer_urls, learner, .. } => {
                let request = wire::MemberAddRequest { peer_ur_ls: peer_urls, is_learner: learner };
                client.write(request).await.map(drop)
            }
            MemberChange::Promote(id) => {
                client.write(wire::MemberPromoteRequest { id }).await.map(drop)
            }
            MemberChange::Remove(id) => {
                client.write(wire::MemberRemoveRequest { id }).await.map(drop)
            }
            MemberChange::Update { id, peer_urls } => {
                let request = wire::MemberUpdateRequest { id, peer_ur_ls: peer_urls };
                client.write(request).await.map(drop)
            }
            MemberChange::Lead(id) => self.lead(id).await,
        };
        changed.map_err(CallError::plain)?;
        self.members().await
    }

    async fn alarm(&self, op: AlarmOp) -> Result<Vec<Alarm>, StoreError> {
        let request = |action: AlarmAction, alarm: Alarm| wire::AlarmRequest {
            action: action.into(),
            member_id: alarm.member,
            alarm: alarm_type(alarm.kind).into(),
        };
        let changed = match op {
            AlarmOp::List => Ok(()),
            // Both may be done twice.
            AlarmOp::Raise(alarm) => {
                self.client.read(request(AlarmAction::Activate, alarm)).await.map(drop)
            }
            AlarmOp::Clear(alarm) => {
                self.client.read(request(AlarmAction::Deactivate, alarm)).await.map(drop)
            }
        };
        changed.map_err(CallError::plain)?;
        let list = wire::AlarmRequest { action: AlarmAction::Get.into(), ..Default::default() };
        let listed = self.client.read(list).await.map_err(CallError::plain)?;
        let mut alarms: Vec<_> = listed.alarms.iter().filter_map(alarm).collect();
        alarms.sort_unstable();
        Ok(alarms)
    }

    async fn image(&self) -> Result<ImageStream, StoreError> {
        self.make_image().await
    }

    async fn engine(&self) -> Result<EngineStatus, StoreError> {
        let status = self.client.read(wire::StatusRequest {}).await.map_err(CallError::plain)?;
        let bytes = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
        Ok(EngineStatus {
            term: status.raft_term,
            committed: status.raft_index,
            applied: status.raft_applied_index,
            disk_bytes: bytes(status.db_size),
            data_bytes: bytes(status.db_size_in_use),
            quota_bytes: bytes(status.db_size_quota),
            learner: status.is_learner,
        })
    }

    fn demand_progress(&self, of: &[KeyRange]) {
        // A range that etcd would refuse has no watchers.
        let of: Vec<_> = of.iter().filter_map(|keys| self.prefix.range(keys).ok()).collect();
        self.watches.demand_progress(&of);
    }
}

impl EtcdStore {
    /// Makes `id` the leader; only the present leader can, so each endpoint is asked.
    async fn lead(&self, id: MemberId) -> Result<(), CallError> {
        let mut last = CallError::timed_out();
        for endpoint in self.client.endpoints.all() {
            match self.client.once_at(endpoint, wire::MoveLeaderRequest { target_id: id }).await {
                Ok(_) => return Ok(()),
                Err(CallError::Refused(Refusal::Invalid("not leader"))) => {
                    last = CallError::Unavailable("no endpoint is that of the leader".into());
                }
                Err(refused @ CallError::Refused(_)) => return Err(refused),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn member(member: wire::Member) -> Member {
    Member {
        id: member.id,
        name: member.name,
        peer_urls: member.peer_ur_ls,
        client_urls: member.client_ur_ls,
        learner: member.is_learner,
    }
}

fn alarm_type(kind: AlarmKind) -> wire::AlarmType {
    match kind {
        AlarmKind::NoSpace => wire::AlarmType::Nospace,
        AlarmKind::Corrupt => wire::AlarmType::Corrupt,
    }
}

fn alarm(alarm: &wire::AlarmMember) -> Option<Alarm> {
    let kind = match alarm.alarm() {
        wire::AlarmType::Nospace => AlarmKind::NoSpace,
        wire::AlarmType::Corrupt => AlarmKind::Corrupt,
        wire::AlarmType::None => return None,
    };
    Some(Alarm { member: alarm.member_id, kind })
}
