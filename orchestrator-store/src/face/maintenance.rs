//! The service Maintenance.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use orchestrator_core::store::Revision;
use tonic::Status;

use super::encode::number;
use super::snapshot::Wrapper;
use super::{Face, fault, hash, refused, request};
use crate::operator::{self, AlarmKind, AlarmOp, ImageStream, MemberChange};
use crate::proto::etcd::alarm_request::AlarmAction;
use crate::proto::etcd::downgrade_request::DowngradeAction;
use crate::proto::etcd::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, DefragmentRequest, DefragmentResponse,
    DowngradeRequest, DowngradeResponse, HashKvRequest, HashKvResponse, HashRequest, HashResponse,
    MoveLeaderRequest, MoveLeaderResponse, ResponseHeader, SnapshotRequest, SnapshotResponse,
    StatusRequest, StatusResponse,
};

/// Lists alarms, or raises or clears those that are named; the answer tells those concerned.
pub(super) async fn alarm(face: Arc<Face>, asked: AlarmRequest) -> Result<AlarmResponse, Status> {
    let wanted = asked.alarm();
    let before = raised(&face, AlarmOp::List).await?;
    let concerned: Vec<operator::Alarm> = match asked.action() {
        AlarmAction::Get => before
            .into_iter()
            .filter(|a| wanted == AlarmType::None || a.kind == kind(wanted))
            .collect(),
        _ if wanted == AlarmType::None => Vec::new(),
        action => {
            let alarm = operator::Alarm { member: asked.member_id, kind: kind(wanted) };
            let was_raised = before.contains(&alarm);
            let raise = action == AlarmAction::Activate;
            let op = if raise { AlarmOp::Raise(alarm) } else { AlarmOp::Clear(alarm) };
            raised(&face, op).await?;
            // One that cannot be cleared, for it is not there, is not told either.
            if raise || was_raised { vec![alarm] } else { Vec::new() }
        }
    };
    let alarms = concerned
        .iter()
        .map(|alarm| AlarmMember { member_id: alarm.member, alarm: named(alarm.kind).into() });
    Ok(AlarmResponse { header: Some(face.header_now().await?), alarms: alarms.collect() })
}

async fn raised(face: &Face, op: AlarmOp) -> Result<Vec<operator::Alarm>, Status> {
    face.store.alarm(op).await.map_err(refused)
}

fn kind(alarm: AlarmType) -> AlarmKind {
    match alarm {
        AlarmType::Corrupt => AlarmKind::Corrupt,
        AlarmType::Nospace | AlarmType::None => AlarmKind::NoSpace,
    }
}

fn named(kind: AlarmKind) -> AlarmType {
    match kind {
        AlarmKind::NoSpace => AlarmType::Nospace,
        AlarmKind::Corrupt => AlarmType::Corrupt,
    }
}

/// How this member is, whatever the others say: it is asked when they do not answer.
pub(super) async fn status(face: Arc<Face>, _: StatusRequest) -> Result<StatusResponse, Status> {
    let engine = face.store.engine().await.map_err(refused)?;
    let leader = face.store.members().await.ok().and_then(|members| members.leader);
    let no_leader = leader.is_none().then(|| Status::from(fault::NO_LEADER).message().to_owned());
    let alarms = raised(&face, AlarmOp::List).await.unwrap_or_default();
    let header = match face.header_now().await {
        Ok(header) => header,
        Err(_) => face.header(Revision::ZERO).await.unwrap_or_default(),
    };
    let told = alarms.iter().map(|alarm| {
        format!("memberID:{} alarm:{} ", alarm.member, named(alarm.kind).as_str_name())
    });
    let version = face.options.version.clone();
    let storage_version = version.rsplit_once('.').map_or("", |(minor, _)| minor).to_owned();
    Ok(StatusResponse {
        header: Some(header),
        version,
        db_size: number(engine.disk_bytes),
        leader: leader.unwrap_or(0),
        raft_index: engine.committed,
        raft_term: engine.term,
        raft_applied_index: engine.applied,
        errors: no_leader.into_iter().chain(told).collect(),
        db_size_in_use: number(engine.data_bytes.min(engine.disk_bytes)),
        is_learner: engine.learner,
        storage_version,
        db_size_quota: number(engine.quota_bytes),
        downgrade_info: None,
    })
}

/// There is nothing to do: no engine leaves holes.
pub(super) async fn defragment(
    face: Arc<Face>,
    _: DefragmentRequest,
) -> Result<DefragmentResponse, Status> {
    Ok(DefragmentResponse { header: Some(face.header(Revision::ZERO).await?) })
}

pub(super) async fn hash(face: Arc<Face>, _: HashRequest) -> Result<HashResponse, Status> {
    let digest = hash::digest(&face, Revision::ZERO).await.map_err(refused)?;
    Ok(HashResponse { header: Some(face.header(digest.newest).await?), hash: digest.hash })
}

pub(super) async fn hash_kv(
    face: Arc<Face>,
    asked: HashKvRequest,
) -> Result<HashKvResponse, Status> {
    let digest = hash::digest(&face, request::revision(asked.revision)).await.map_err(refused)?;
    let compacted = face.store.status().await.map_err(refused)?.compacted;
    Ok(HashKvResponse {
        header: Some(face.header(digest.newest).await?),
        hash: digest.hash,
        compact_revision: number(compacted.get()),
        hash_revision: number(digest.revision.get()),
    })
}

/// Streams the engine's image as the file that a client saves.
pub(super) fn snapshot(
    face: Arc<Face>,
    _: SnapshotRequest,
) -> BoxStream<'static, Result<SnapshotResponse, Status>> {
    let opened = async move {
        let header = face.header_now().await?;
        let size = face.store.engine().await.map_err(refused)?.data_bytes;
        let image = face.store.image().await.map_err(refused)?;
        Ok(Saving { header, size, state: State::Image(image, Wrapper::default()) }.pieces())
    };
    stream::once(opened)
        .flat_map(|opened: Result<_, Status>| match opened {
            Ok(pieces) => pieces,
            Err(status) => stream::once(async { Err(status) }).boxed(),
        })
        .boxed()
}

/// A snapshot that is being sent.
struct Saving {
    header: ResponseHeader,
    /// About how long the image is.
    size: u64,
    state: State,
}

enum State {
    Image(ImageStream, Wrapper),
    Sum(bytes::Bytes),
    Done,
}

impl Saving {
    fn pieces(self) -> BoxStream<'static, Result<SnapshotResponse, Status>> {
        stream::try_unfold(self, |mut saving| async move {
            let piece = saving.next().await?;
            Ok(piece.map(|piece| (piece, saving)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<SnapshotResponse>, Status> {
        let blob = match std::mem::replace(&mut self.state, State::Done) {
            State::Image(mut image, mut wrapper) => match image.next().await {
                Some(piece) => {
                    let piece = piece.map_err(refused)?;
                    wrapper.note(&piece);
                    self.state = State::Image(image, wrapper);
                    piece
                }
                None => {
                    let (tail, sum) = wrapper.finish();
                    self.state = State::Sum(sum);
                    tail
                }
            },
            State::Sum(sum) => sum,
            State::Done => return Ok(None),
        };
        self.size = self.size.saturating_sub(blob.len() as u64);
        // An estimate until the end; only the last piece tells that nothing remains.
        let remaining_bytes = if matches!(self.state, State::Done) { 0 } else { self.size.max(1) };
        let header = Some(self.header);
        Ok(Some(SnapshotResponse { header, remaining_bytes, blob, version: String::new() }))
    }
}

pub(super) async fn move_leader(
    face: Arc<Face>,
    asked: MoveLeaderRequest,
) -> Result<MoveLeaderResponse, Status> {
    let now = face.store.members().await.map_err(refused)?;
    if now.leader != Some(now.this) {
        return Err(fault::NOT_LEADER.into());
    }
    if !now.members.iter().any(|member| member.id == asked.target_id) {
        return Err(fault::BAD_TRANSFEREE.into());
    }
    if now.leader != Some(asked.target_id) {
        let lead = MemberChange::Lead(asked.target_id);
        face.store.change_members(lead).await.map_err(refused)?;
    }
    Ok(MoveLeaderResponse { header: Some(face.header(Revision::ZERO).await?) })
}

/// No other version could read what this one keeps, so no target is valid.
pub(super) async fn downgrade(
    _: Arc<Face>,
    asked: DowngradeRequest,
) -> Result<DowngradeResponse, Status> {
    let is_version = !asked.version.is_empty()
        && asked.version.split('.').all(|number| number.parse::<u32>().is_ok());
    Err(match asked.action() {
        DowngradeAction::Cancel => fault::NO_DOWNGRADE.into(),
        _ if !is_version => fault::BAD_VERSION.into(),
        _ => fault::BAD_TARGET.into(),
    })
}
