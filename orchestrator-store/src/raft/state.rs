//! What all members agree on besides keys and leases: who they are, the time, limits, alarms.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::message::{decoded, encoded};
use super::types::{LogId, Members, SnapshotMeta, StoredMembers};
use crate::mvcc::Limits;
use crate::operator::{Alarm, MemberId};
use crate::wire::WireError;

/// The state that is not in the state machine of keys and leases.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// The entry applied last.
    pub(super) last: Option<LogId>,
    pub(super) members: StoredMembers,
    /// The store's time, which never goes back.
    pub(super) at: Duration,
    /// The highest number that any member ever had.
    pub(super) last_number: MemberId,
    /// The bounds of the store, once they are agreed on.
    pub(super) limits: Option<Limits>,
    pub(super) alarms: BTreeSet<Alarm>,
}

impl State {
    /// The index of the entry to be applied next.
    pub(super) fn next(&self) -> u64 {
        self.last.map_or(0, |last| last.index() + 1)
    }

    /// Begins the entry `log_id` that was proposed at `at`; returns the time to apply it at.
    pub(super) fn begin(&mut self, log_id: LogId, at: Duration) -> Duration {
        self.last = Some(log_id);
        self.at = self.at.max(at);
        self.at
    }

    /// Notes who the members are from `log_id` on.
    pub(super) fn note_members(&mut self, log_id: LogId, members: Members) {
        self.last = Some(log_id);
        let highest = members.nodes().map(|(id, _)| *id).max().unwrap_or(0);
        self.last_number = self.last_number.max(highest);
        // The alarm of a member that is gone cannot be cleared by it.
        self.alarms.retain(|alarm| members.get_node(&alarm.member).is_some());
        self.members = StoredMembers::new(Some(log_id), members);
    }

    /// Gives out a number that no member ever had.
    pub(super) fn number(&mut self) -> MemberId {
        self.last_number += 1;
        self.last_number
    }

    /// Takes `limits` where there are none yet; tells whether it did.
    pub(super) fn bound_by(&mut self, limits: &Limits) -> bool {
        let first = self.limits.is_none();
        if first {
            self.limits = Some(limits.clone());
        }
        first
    }

    /// What openraft is told of an image of this state.
    pub(super) fn snapshot_meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.last, last_membership: self.members.clone() }
    }

    /// The binary form, which goes with an image.
    pub(super) fn encode(&self) -> Bytes {
        encoded(|out| {
            out.maybe_log_id(self.last.as_ref());
            out.stored_members(&self.members);
            out.duration(self.at);
            out.number(self.last_number);
            out.option(self.limits.as_ref(), |out, limits| out.limits(limits));
            let alarms: Vec<Alarm> = self.alarms.iter().copied().collect();
            out.list(&alarms, |out, alarm| out.alarm(alarm));
        })
    }

    /// Reads the binary form.
    pub(super) fn decode(bytes: Bytes) -> Result<Self, WireError> {
        decoded(bytes, |from| {
            Ok(Self {
                last: from.maybe_log_id()?,
                members: from.stored_members()?,
                at: from.duration()?,
                last_number: from.number()?,
                limits: from.option(crate::wire::Reader::limits)?,
                alarms: from.list(crate::wire::Reader::alarm)?.into_iter().collect(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::types::{Node, log_id};
    use super::*;
    use crate::operator::AlarmKind;

    fn members(ids: &[u64]) -> Members {
        let nodes: BTreeMap<u64, Node> = ids.iter().map(|id| (*id, Node::default())).collect();
        Members::new(vec![ids.iter().copied().collect()], nodes).unwrap()
    }

    #[test]
    fn a_number_is_given_out_once_even_if_its_member_is_gone() {
        let mut state = State::default();
        state.note_members(log_id(1, 0), members(&[1, 2, 7]));
        assert_eq!(state.number(), 8);
        state.note_members(log_id(1, 1), members(&[1, 2]));
        assert_eq!((state.number(), state.next()), (9, 2));
    }

    #[test]
    fn the_time_never_goes_back_and_the_first_limits_stay() {
        let mut state = State::default();
        let second = Duration::from_secs(1);
        assert_eq!(state.begin(log_id(1, 0), 5 * second), 5 * second);
        assert_eq!(state.begin(log_id(2, 1), 3 * second), 5 * second);
        let mut limits = Limits::default();
        assert!(state.bound_by(&limits));
        limits.leases = 1;
        assert!(!state.bound_by(&limits));
    }

    #[test]
    fn the_binary_form_decodes_to_the_same() {
        let mut state = State::default();
        state.note_members(log_id(3, 4), members(&[1, 2, 3]));
        state.begin(log_id(3, 5), Duration::from_millis(1500));
        state.bound_by(&Limits::default());
        state.alarms.insert(Alarm { member: 2, kind: AlarmKind::NoSpace });
        assert_eq!(State::decode(state.encode()).unwrap(), state);
        state.note_members(log_id(3, 6), members(&[1, 3]));
        assert!(state.alarms.is_empty());
        assert_eq!(State::decode(State::default().encode()).unwrap(), State::default());
        assert!(State::decode(state.encode().slice(1..)).is_err());
    }
}
