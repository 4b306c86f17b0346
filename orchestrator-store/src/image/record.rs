//! The records of an image, in the order in which they come.

use std::time::Duration;

use bytes::Bytes;
use orchestrator_core::store::{Event, Key, KeyValue, LeaseId, Revision};
use orchestrator_core::value::Value;

use crate::wire::{Reader, WireError, Writer};

/// The version of the records.
const VERSION: u8 = 1;

/// One record.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// What the image is of.
    Start(Start),
    /// A lease.
    Lease { id: LeaseId, ttl: Duration, deadline: Duration },
    /// A key at the floor.
    Key(KeyValue),
    /// A change of the floor itself.
    FloorEvent(Event),
    /// A put of the revision that the next [`Commit`](Self::Commit) ends.
    Put(Key, Value, LeaseId),
    /// A deletion of that revision.
    Delete(Key),
    /// The end of a revision, or of the floor's changes.
    Commit,
    /// The end, after so many records.
    End(u64),
}

/// The first record.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) floor: Revision,
    pub(crate) newest: Revision,
    pub(crate) last_chosen: LeaseId,
    pub(crate) meta: Bytes,
}

impl Record {
    pub(super) fn write(&self, out: &mut Writer<'_>) {
        match self {
            Self::Start(start) => {
                out.byte(0);
                out.byte(VERSION);
                out.revision(start.floor);
                out.revision(start.newest);
                out.signed(start.last_chosen);
                out.bytes(&start.meta);
            }
            Self::Lease { id, ttl, deadline } => {
                out.byte(1);
                out.signed(*id);
                out.duration(*ttl);
                out.duration(*deadline);
            }
            Self::Key(kv) => {
                out.byte(2);
                out.kv(kv);
            }
            Self::FloorEvent(event) => {
                out.byte(3);
                out.kv(&event.kv);
                out.option(event.prev.as_ref(), Writer::kv);
                out.flag(event.deleted);
            }
            Self::Put(key, value, lease) => {
                out.byte(4);
                out.key(key);
                out.value(value);
                out.signed(*lease);
            }
            Self::Delete(key) => {
                out.byte(5);
                out.key(key);
            }
            Self::Commit => out.byte(6),
            Self::End(records) => {
                out.byte(7);
                out.number(*records);
            }
        }
    }

    pub(super) fn read(from: &mut Reader) -> Result<Self, WireError> {
        Ok(match from.byte()? {
            0 => {
                if from.byte()? != VERSION {
                    return from.bad_tag();
                }
                Self::Start(Start {
                    floor: from.revision()?,
                    newest: from.revision()?,
                    last_chosen: from.signed()?,
                    meta: from.kept()?,
                })
            }
            1 => Self::Lease {
                id: from.signed()?,
                ttl: from.duration()?,
                deadline: from.duration()?,
            },
            2 => Self::Key(from.kv()?),
            3 => Self::FloorEvent(Event {
                kv: from.kv()?,
                prev: from.option(Reader::kv)?,
                deleted: from.flag()?,
            }),
            4 => Self::Put(from.key()?, from.value()?, from.signed()?),
            5 => Self::Delete(from.key()?),
            6 => Self::Commit,
            7 => Self::End(from.number()?),
            _ => return from.bad_tag(),
        })
    }
}
