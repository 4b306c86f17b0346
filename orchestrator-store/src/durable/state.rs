//! What the log decides beside keys and leases: limits, alarms, the time.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::entry::{read_alarm, read_limits, write_alarm, write_limits};
use crate::mvcc::Limits;
use crate::operator::{AlarmKind, AlarmOp};
use crate::wire::{Reader, WireError, Writer};

/// The version of the form in checkpoints.
const VERSION: u8 = 1;

/// The state beside the state machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// The index of the entry applied last.
    pub(super) index: u64,
    /// The newest time of a command.
    pub(super) at: Duration,
    /// The bounds, once an entry has told them.
    pub(super) limits: Option<Limits>,
    alarms: BTreeSet<AlarmKind>,
}

impl State {
    pub(super) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        let mut out = Writer::new(&mut bytes);
        out.byte(VERSION);
        out.number(self.index);
        out.duration(self.at);
        out.option(self.limits.as_ref(), |out, limits| write_limits(out, limits));
        let alarms: Vec<_> = self.alarms.iter().copied().collect();
        out.list(&alarms, |out, kind| write_alarm(out, *kind));
        bytes.freeze()
    }

    pub(super) fn decode(bytes: Bytes) -> Result<Self, WireError> {
        let mut from = Reader::new(bytes);
        if from.byte()? != VERSION {
            return from.bad_tag();
        }
        let state = Self {
            index: from.number()?,
            at: from.duration()?,
            limits: from.option(read_limits)?,
            alarms: from.list(read_alarm)?.into_iter().collect(),
        };
        from.end()?;
        Ok(state)
    }

    /// Notes that a command was made at `at`.
    pub(super) fn note_time(&mut self, at: Duration) {
        self.at = self.at.max(at);
    }

    /// Raises or clears an alarm; returns those that are raised then.
    pub(super) fn alarm(&mut self, op: AlarmOp) -> Vec<AlarmKind> {
        match op {
            AlarmOp::Raise(alarm) => drop(self.alarms.insert(alarm.kind)),
            AlarmOp::Clear(alarm) => drop(self.alarms.remove(&alarm.kind)),
            AlarmOp::List => {}
        }
        self.alarms.iter().copied().collect()
    }

    pub(super) fn is_out_of_space(&self) -> bool {
        self.alarms.contains(&AlarmKind::NoSpace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::Alarm;

    #[test]
    fn a_state_decodes_to_itself() {
        let mut state = State { index: 7, at: Duration::from_millis(1500), ..State::default() };
        assert_eq!(State::decode(state.encode()).unwrap(), state);
        state.limits = Some(Limits { leases: 3, ..Limits::default() });
        state.alarm(AlarmOp::Raise(Alarm { member: 1, kind: AlarmKind::NoSpace }));
        assert!(state.is_out_of_space());
        assert_eq!(State::decode(state.encode()).unwrap(), state);
        let bytes = state.encode();
        for end in 0..bytes.len() {
            assert!(State::decode(bytes.slice(..end)).is_err());
        }
    }
}
