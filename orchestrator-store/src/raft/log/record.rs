//! What the log's files hold: entries as frames, and the small records beside them.

use std::io;

use bytes::BytesMut;
use openraft::entry::RaftEntry;

use super::super::message::{decoded, encoded, payload_bytes, read_payload};
use super::super::types::{Entry, LogId, Vote, log_id, term};
use crate::disk::Disk;
use crate::planted::Planted;
use crate::wal::{self, Damage, OpenError, load_record, store_record};
use crate::wire::{Reader, WireError, Writer};

/// The vote.
const VOTE: &str = "raft-vote";

/// Up to where the log was purged.
const PURGED: &str = "raft-purged";

/// Who the member is.
const MEMBER: &str = "raft-member";

/// The frame of `entry`, which tells that `committed` is committed.
pub(super) fn frame(entry: &Entry, committed: Option<u64>) -> wal::Entry {
    let mut out = BytesMut::new();
    // One more, so that 0 is none.
    Writer::new(&mut out).number(committed.map_or(0, |index| index + 1));
    let kind = payload_bytes(&entry.payload, &mut out);
    let (term, index) = (term(&entry.log_id), entry.log_id.index());
    wal::Entry { term, index, kind, payload: out.freeze() }
}

/// The entry of a frame, and what was committed when it was written; `apart` where the frame is
/// part of a larger buffer.
pub(super) fn read_entry(
    frame: &wal::Entry,
    apart: bool,
) -> Result<(Entry, Option<u64>), WireError> {
    let bytes = frame.payload.clone();
    let mut from = if apart { Reader::apart(bytes) } else { Reader::new(bytes) };
    let committed = from.number()?.checked_sub(1);
    let payload = read_payload(frame.kind, &mut from)?;
    from.end()?;
    Ok((Entry::new(log_id(frame.term, frame.index), payload), committed))
}

/// What is kept beside the log.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) vote: Option<Vote>,
    pub(super) purged: Option<LogId>,
}

impl Marks {
    pub(super) fn load(disk: &dyn Disk) -> Result<Self, OpenError> {
        Ok(Self {
            vote: load(disk, VOTE, Reader::vote)?,
            purged: load(disk, PURGED, Reader::maybe_log_id)?.flatten(),
        })
    }
}

fn load<T>(
    disk: &dyn Disk,
    name: &str,
    read: impl FnOnce(&mut Reader) -> Result<T, WireError>,
) -> Result<Option<T>, OpenError> {
    let Some(bytes) = load_record(disk, name)? else { return Ok(None) };
    let unreadable =
        |error: WireError| OpenError::damaged(name, error.offset as u64, Damage::Content);
    decoded(bytes, read).map(Some).map_err(unreadable)
}

pub(super) fn store_vote(disk: &dyn Disk, vote: &Vote, planted: Planted) -> io::Result<()> {
    store_record(disk, VOTE, &encoded(|out| out.vote(vote)), planted)
}

pub(super) fn store_purged(disk: &dyn Disk, upto: &LogId, planted: Planted) -> io::Result<()> {
    store_record(disk, PURGED, &encoded(|out| out.maybe_log_id(Some(upto))), planted)
}

/// Notes what a member that was restored has promised, and up to where its log was purged.
pub(in super::super) fn lay_marks(
    disk: &dyn Disk,
    vote: &Vote,
    purged: &LogId,
    planted: Planted,
) -> io::Result<()> {
    store_vote(disk, vote, planted)?;
    store_purged(disk, purged, planted)
}

/// Who the member on `disk` is, where it has begun.
pub(in super::super) fn load_member<T>(
    disk: &dyn Disk,
    read: impl FnOnce(&mut Reader) -> Result<T, WireError>,
) -> Result<Option<T>, OpenError> {
    load(disk, MEMBER, read)
}

/// Notes who the member on `disk` is, safely.
pub(in super::super) fn store_member(
    disk: &dyn Disk,
    planted: Planted,
    write: impl FnOnce(&mut Writer<'_>),
) -> io::Result<()> {
    store_record(disk, MEMBER, &encoded(write), planted)
}
