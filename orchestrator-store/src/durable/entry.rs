//! What the log of this engine holds: whatever decides about the state.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use orchestrator_core::store::StoreError;

use crate::mvcc::{Applied, Command, Limits};
use crate::operator::{AlarmKind, AlarmOp};
use crate::wire::{self, Reader, WireError, Writer};

/// Something to be ordered and kept.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// A change of keys or leases.
    Command(Command),
    /// The bounds of the store from here on: what is refused depends on them.
    Limits(Limits),
    /// An alarm raised or cleared.
    Alarm(AlarmOp),
}

/// What a request answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// What a command did.
    Applied(Applied),
    /// The alarms that are raised now.
    Alarms(Vec<AlarmKind>),
}

const COMMAND: u8 = 0;
const LIMITS: u8 = 1;
const ALARM: u8 = 2;

impl Request {
    /// The kind of the entry and what it says; the time of a command is told later.
    pub(super) fn encode(&self) -> Result<(u8, BytesMut), StoreError> {
        let mut out = BytesMut::new();
        let kind = match self {
            Self::Command(command) => {
                return Ok((COMMAND, wire::command_buffer(command, Duration::ZERO)?));
            }
            Self::Limits(limits) => {
                write_limits(&mut Writer::new(&mut out), limits);
                LIMITS
            }
            Self::Alarm(op) => {
                let mut out = Writer::new(&mut out);
                let (raised, alarm) = match op {
                    AlarmOp::Raise(alarm) => (true, alarm),
                    AlarmOp::Clear(alarm) => (false, alarm),
                    AlarmOp::List => return Err(StoreError::Invalid("alarms are read elsewhere")),
                };
                out.flag(raised);
                write_alarm(&mut out, alarm.kind);
                ALARM
            }
        };
        Ok((kind, out))
    }

    /// Reads an entry whose bytes belong to a larger buffer; the time is that of a command.
    pub(super) fn decode(kind: u8, bytes: Bytes) -> Result<(Self, Option<Duration>), WireError> {
        if kind == COMMAND {
            let (command, at) = wire::decode_command_apart(bytes)?;
            return Ok((Self::Command(command), Some(at)));
        }
        let mut from = Reader::apart(bytes);
        let request = match kind {
            LIMITS => Self::Limits(read_limits(&mut from)?),
            ALARM => {
                let raised = from.flag()?;
                let alarm = crate::operator::Alarm {
                    member: super::operator::MEMBER,
                    kind: read_alarm(&mut from)?,
                };
                Self::Alarm(if raised { AlarmOp::Raise(alarm) } else { AlarmOp::Clear(alarm) })
            }
            _ => return from.fail(wire::WireProblem::Tag),
        };
        from.end()?;
        Ok((request, None))
    }

    /// Tells the encoded request of the kind `kind` that it was made at `at`.
    pub(super) fn stamp(kind: u8, bytes: &mut [u8], at: Duration) {
        if kind == COMMAND {
            wire::restamp(bytes, at);
        }
    }

    pub(super) fn needs_space(&self) -> bool {
        matches!(self, Self::Command(command) if command.needs_space())
    }
}

pub(super) fn write_limits(out: &mut Writer<'_>, limits: &Limits) {
    out.size(limits.history_events);
    out.number(limits.history_bytes);
    out.number(limits.data_bytes);
    out.size(limits.leases);
}

pub(super) fn read_limits(from: &mut Reader) -> Result<Limits, WireError> {
    Ok(Limits {
        history_events: from.size()?,
        history_bytes: from.number()?,
        data_bytes: from.number()?,
        leases: from.size()?,
    })
}

pub(super) fn write_alarm(out: &mut Writer<'_>, kind: AlarmKind) {
    out.byte(match kind {
        AlarmKind::NoSpace => 0,
        AlarmKind::Corrupt => 1,
    });
}

pub(super) fn read_alarm(from: &mut Reader) -> Result<AlarmKind, WireError> {
    match from.byte()? {
        0 => Ok(AlarmKind::NoSpace),
        1 => Ok(AlarmKind::Corrupt),
        _ => from.bad_tag(),
    }
}
