//! The service Cluster: who the members are.

use std::sync::Arc;

use orchestrator_core::store::Revision;
use tonic::Status;

use super::{Face, refused};
use crate::operator::{self, MemberChange, Membership};
use crate::proto::etcd::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse, ResponseHeader,
};

pub(super) async fn list(
    face: Arc<Face>,
    _: MemberListRequest,
) -> Result<MemberListResponse, Status> {
    let now = face.store.members().await.map_err(refused)?;
    Ok(MemberListResponse { header: header(&face).await?, members: members(now) })
}

pub(super) async fn add(
    face: Arc<Face>,
    asked: MemberAddRequest,
) -> Result<MemberAddResponse, Status> {
    let MemberAddRequest { peer_ur_ls: peer_urls, is_learner: learner } = asked;
    let wanted = peer_urls.clone();
    let add = MemberChange::Add { name: String::new(), peer_urls, learner };
    let members = members(change(&face, add).await?);
    // Ids are never given out twice and grow, so the last of those at these URLs is the new one.
    let member = members.iter().rev().find(|member| member.peer_ur_ls == wanted).cloned();
    Ok(MemberAddResponse { header: header(&face).await?, member, members })
}

pub(super) async fn remove(
    face: Arc<Face>,
    asked: MemberRemoveRequest,
) -> Result<MemberRemoveResponse, Status> {
    let members = members(change(&face, MemberChange::Remove(asked.id)).await?);
    Ok(MemberRemoveResponse { header: header(&face).await?, members })
}

pub(super) async fn update(
    face: Arc<Face>,
    asked: MemberUpdateRequest,
) -> Result<MemberUpdateResponse, Status> {
    let MemberUpdateRequest { id, peer_ur_ls: peer_urls } = asked;
    let members = members(change(&face, MemberChange::Update { id, peer_urls }).await?);
    Ok(MemberUpdateResponse { header: header(&face).await?, members })
}

pub(super) async fn promote(
    face: Arc<Face>,
    asked: MemberPromoteRequest,
) -> Result<MemberPromoteResponse, Status> {
    let members = members(change(&face, MemberChange::Promote(asked.id)).await?);
    Ok(MemberPromoteResponse { header: header(&face).await?, members })
}

async fn change(face: &Face, change: MemberChange) -> Result<Membership, Status> {
    face.store.change_members(change).await.map_err(refused)
}

/// These answers tell no revision.
async fn header(face: &Face) -> Result<Option<ResponseHeader>, Status> {
    face.header(Revision::ZERO).await.map(Some)
}

fn members(membership: Membership) -> Vec<Member> {
    let member = |member: operator::Member| Member {
        id: member.id,
        name: member.name,
        peer_ur_ls: member.peer_urls,
        client_ur_ls: member.client_urls,
        is_learner: member.learner,
    };
    membership.members.into_iter().map(member).collect()
}
