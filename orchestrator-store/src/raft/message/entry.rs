//! Entries of the log: a kind, and bytes.

use bytes::BytesMut;

use super::super::commands::Commands;
use super::super::types::{Payload, Proposal, Request};
use crate::mvcc::Limits;
use crate::operator::{Alarm, AlarmKind, AlarmOp};
use crate::wire::{Reader, WireError, WireProblem, Writer};

/// An entry that only begins a term.
const KIND_BLANK: u8 = 0;
const KIND_COMMANDS: u8 = 1;
const KIND_ALARM: u8 = 2;
const KIND_NUMBER: u8 = 3;
const KIND_LIMITS: u8 = 4;
const KIND_MEMBERS: u8 = 5;

/// Appends the bytes of `payload` to `out`; returns its kind.
pub(in super::super) fn payload_bytes(payload: &Payload, out: &mut BytesMut) -> u8 {
    let mut out = Writer::new(out);
    match payload {
        Payload::Blank => KIND_BLANK,
        Payload::Membership(members) => {
            out.members(members);
            KIND_MEMBERS
        }
        Payload::Normal(Proposal { at, request }) => {
            out.duration(*at);
            match request {
                Request::Commands(commands) => {
                    out.rest(commands.as_bytes());
                    KIND_COMMANDS
                }
                Request::Alarm(op) => {
                    out.alarm_op(*op);
                    KIND_ALARM
                }
                Request::Number => KIND_NUMBER,
                Request::Limits(limits) => {
                    out.limits(limits);
                    KIND_LIMITS
                }
            }
        }
    }
}

/// Reads a payload of the kind `kind`, to the end of the bytes.
pub(in super::super) fn read_payload(kind: u8, from: &mut Reader) -> Result<Payload, WireError> {
    if kind == KIND_BLANK {
        return Ok(Payload::Blank);
    }
    if kind == KIND_MEMBERS {
        return Ok(Payload::Membership(from.members()?));
    }
    let at = from.duration()?;
    let request = match kind {
        KIND_COMMANDS => Request::Commands(Commands::read(from)?),
        KIND_ALARM => Request::Alarm(from.alarm_op()?),
        KIND_NUMBER => Request::Number,
        KIND_LIMITS => Request::Limits(from.limits()?),
        _ => return from.fail(WireProblem::Tag),
    };
    Ok(Payload::Normal(Proposal { at, request }))
}

impl Writer<'_> {
    pub(in super::super) fn alarm(&mut self, alarm: &Alarm) {
        self.number(alarm.member);
        self.byte(match alarm.kind {
            AlarmKind::NoSpace => 1,
            AlarmKind::Corrupt => 2,
        });
    }

    pub(in super::super) fn alarm_op(&mut self, op: AlarmOp) {
        match op {
            AlarmOp::List => self.byte(0),
            AlarmOp::Raise(alarm) => {
                self.byte(1);
                self.alarm(&alarm);
            }
            AlarmOp::Clear(alarm) => {
                self.byte(2);
                self.alarm(&alarm);
            }
        }
    }

    pub(in super::super) fn limits(&mut self, limits: &Limits) {
        self.size(limits.history_events);
        self.number(limits.history_bytes);
        self.number(limits.data_bytes);
        self.size(limits.leases);
    }
}

impl Reader {
    pub(in super::super) fn alarm(&mut self) -> Result<Alarm, WireError> {
        let member = self.number()?;
        let kind = match self.byte()? {
            1 => AlarmKind::NoSpace,
            2 => AlarmKind::Corrupt,
            _ => return self.bad_tag(),
        };
        Ok(Alarm { member, kind })
    }

    pub(in super::super) fn alarm_op(&mut self) -> Result<AlarmOp, WireError> {
        match self.byte()? {
            0 => Ok(AlarmOp::List),
            1 => Ok(AlarmOp::Raise(self.alarm()?)),
            2 => Ok(AlarmOp::Clear(self.alarm()?)),
            _ => self.bad_tag(),
        }
    }

    pub(in super::super) fn limits(&mut self) -> Result<Limits, WireError> {
        Ok(Limits {
            history_events: self.size()?,
            history_bytes: self.number()?,
            data_bytes: self.number()?,
            leases: self.size()?,
        })
    }
}
