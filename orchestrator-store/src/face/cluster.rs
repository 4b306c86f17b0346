//! The service Cluster: who the members are.

use std::sync::Arc;

use orchestrator_core::store::Revision;
use tonic::Status;

use super::{Face, fault, refused};
use crate::operator::{self, MemberChange, MemberId, Membership};
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
    check_urls(&face, &peer_urls, None).await?;
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
    check_known(&face, asked.id).await?;
    let members = members(change(&face, MemberChange::Remove(asked.id)).await?);
    Ok(MemberRemoveResponse { header: header(&face).await?, members })
}

pub(super) async fn update(
    face: Arc<Face>,
    asked: MemberUpdateRequest,
) -> Result<MemberUpdateResponse, Status> {
    let MemberUpdateRequest { id, peer_ur_ls: peer_urls } = asked;
    check_known(&face, id).await?;
    check_urls(&face, &peer_urls, Some(id)).await?;
    let members = members(change(&face, MemberChange::Update { id, peer_urls }).await?);
    Ok(MemberUpdateResponse { header: header(&face).await?, members })
}

pub(super) async fn promote(
    face: Arc<Face>,
    asked: MemberPromoteRequest,
) -> Result<MemberPromoteResponse, Status> {
    check_known(&face, asked.id).await?;
    let members = members(change(&face, MemberChange::Promote(asked.id)).await?);
    Ok(MemberPromoteResponse { header: header(&face).await?, members })
}

async fn change(face: &Face, change: MemberChange) -> Result<Membership, Status> {
    face.store.change_members(change).await.map_err(refused)
}

/// Refuses a member that is not there, whatever the engine would say of a change.
async fn check_known(face: &Face, id: MemberId) -> Result<(), Status> {
    let now = face.store.members().await.map_err(refused)?;
    let is_known = now.members.iter().any(|member| member.id == id);
    if is_known { Ok(()) } else { Err(fault::MEMBER_NOT_FOUND.into()) }
}

/// Refuses URLs that are none, or that another member than `owner` has.
async fn check_urls(face: &Face, urls: &[String], owner: Option<MemberId>) -> Result<(), Status> {
    let is_url = |url: &String| {
        url.strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"))
            .and_then(|rest| rest.rsplit_once(':'))
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    if urls.is_empty() || !urls.iter().all(is_url) {
        return Err(fault::BAD_URLS.into());
    }
    let now = face.store.members().await.map_err(refused)?;
    let mut others = now.members.iter().filter(|member| Some(member.id) != owner);
    if others.any(|member| member.peer_urls.iter().any(|url| urls.contains(url))) {
        return Err(fault::URLS_EXIST.into());
    }
    Ok(())
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
