//! Takes each forwarded proposal once, although the network may bring it twice.
//!
//! A proposal names the term in which it may be proposed, and one life of one member leads in a
//! term: so what has been taken need be remembered in memory only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::operator::MemberId;

/// How many lives of a member are remembered: a member starts less often within a term.
const MAX_SESSIONS: usize = 16;

/// How many numbers of a life are remembered; what is older is not taken.
const MAX_NUMBERS: usize = 65_536;

/// Which numbers were taken, by member and life.
#[derive(Debug, Default)]
pub(super) struct Once {
    members: BTreeMap<MemberId, VecDeque<Session>>,
}

#[derive(Debug)]
struct Session {
    id: u64,
    /// Everything below counts as taken.
    floor: u64,
    taken: BTreeSet<u64>,
}

impl Once {
    /// Takes `number` of the life `session` of `from`; false if it was taken before, or may have
    /// been.
    pub(super) fn take(&mut self, from: MemberId, session: u64, number: u64) -> bool {
        let sessions = self.members.entry(from).or_default();
        let index = sessions.iter().position(|one| one.id == session).unwrap_or_else(|| {
            if sessions.len() == MAX_SESSIONS {
                sessions.pop_front();
            }
            sessions.push_back(Session { id: session, floor: 0, taken: BTreeSet::new() });
            sessions.len() - 1
        });
        let session = &mut sessions[index];
        if number < session.floor || !session.taken.insert(number) {
            return false;
        }
        if session.taken.len() > MAX_NUMBERS
            && let Some(oldest) = session.taken.pop_first()
        {
            session.floor = oldest + 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_once_in_a_life() {
        let mut once = Once::default();
        assert!(once.take(1, 7, 3) && once.take(1, 7, 2) && once.take(1, 8, 3));
        assert!(!once.take(1, 7, 3) && !once.take(1, 8, 3));
        assert!(once.take(2, 7, 3));
        for number in 10..10 + MAX_NUMBERS as u64 {
            assert!(once.take(1, 7, number));
        }
        assert!(!once.take(1, 7, 1), "too old to tell");
    }
}
