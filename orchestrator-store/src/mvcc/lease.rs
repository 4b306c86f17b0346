//! Leases: names for a span of time, and the keys that end with it.

use std::time::Duration;

use imbl::{OrdMap, OrdSet};
use orchestrator_core::store::{Key, LeaseId, LeaseInfo, MAX_LEASE_TTL, StoreError};

use super::reasons;

/// All leases of a store. Times are counted from the store's own start.
#[derive(Clone, Debug, Default)]
pub struct Leases {
    by_id: OrdMap<LeaseId, Lease>,
    by_deadline: OrdSet<(Duration, LeaseId)>,
    last_chosen: LeaseId,
}

#[derive(Clone, Debug)]
struct Lease {
    ttl: Duration,
    deadline: Duration,
    keys: OrdSet<Key>,
}

impl Leases {
    pub(super) fn contains(&self, id: LeaseId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// When the next lease ends unless it is kept alive.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.by_deadline.get_min().map(|(deadline, _)| *deadline)
    }

    /// How many leases are over at `at`, counting no further than `most`.
    #[cfg(feature = "durable")]
    pub(crate) fn over(&self, at: Duration, most: usize) -> usize {
        self.by_deadline.iter().take(most).take_while(|(deadline, _)| *deadline <= at).count()
    }

    /// The first lease, by deadline, that is over at `at`.
    pub(super) fn expired(&self, at: Duration) -> Option<LeaseId> {
        self.by_deadline.get_min().filter(|(deadline, _)| *deadline <= at).map(|(_, id)| *id)
    }

    pub(super) fn grant(
        &mut self,
        id: LeaseId,
        ttl: Duration,
        at: Duration,
        max_leases: usize,
    ) -> Result<LeaseInfo, StoreError> {
        match ttl {
            Duration::ZERO => return Err(StoreError::Invalid(reasons::LEASE_WITHOUT_TIME)),
            ttl if ttl > MAX_LEASE_TTL => return Err(StoreError::Invalid(reasons::LONG_LEASE)),
            _ if self.contains(id) => return Err(StoreError::LeaseExists(id)),
            _ if self.len() >= max_leases => return Err(StoreError::NoSpace),
            _ => {}
        }
        let id = if id == 0 { self.choose_id() } else { id };
        let deadline = at.saturating_add(ttl);
        self.by_id.insert(id, Lease { ttl, deadline, keys: OrdSet::new() });
        self.by_deadline.insert((deadline, id));
        self.describe(id, at)
    }

    pub(super) fn keep_alive(
        &mut self,
        id: LeaseId,
        at: Duration,
    ) -> Result<LeaseInfo, StoreError> {
        let lease = self.by_id.get_mut(&id).ok_or(StoreError::LeaseNotFound(id))?;
        self.by_deadline.remove(&(lease.deadline, id));
        lease.deadline = at.saturating_add(lease.ttl);
        self.by_deadline.insert((lease.deadline, id));
        self.describe(id, at)
    }

    /// Takes the lease away; its keys are then the caller's to delete.
    pub(super) fn remove(&mut self, id: LeaseId, at: Duration) -> Result<LeaseInfo, StoreError> {
        let info = self.describe(id, at)?;
        if let Some(lease) = self.by_id.remove(&id) {
            self.by_deadline.remove(&(lease.deadline, id));
        }
        Ok(info)
    }

    /// Tells of one lease as it is at `at`.
    ///
    /// # Errors
    /// [`StoreError::LeaseNotFound`].
    pub fn describe(&self, id: LeaseId, at: Duration) -> Result<LeaseInfo, StoreError> {
        let lease = self.by_id.get(&id).ok_or(StoreError::LeaseNotFound(id))?;
        Ok(lease.info(id, at))
    }

    /// Tells of all leases, by id.
    pub fn list(&self, at: Duration) -> Vec<LeaseInfo> {
        self.by_id.iter().map(|(id, lease)| lease.info(*id, at)).collect()
    }

    pub(super) fn attach(&mut self, id: LeaseId, key: &Key) {
        if let Some(lease) = self.by_id.get_mut(&id) {
            lease.keys.insert(key.clone());
        }
    }

    pub(super) fn detach(&mut self, id: LeaseId, key: &[u8]) {
        if let Some(lease) = self.by_id.get_mut(&id) {
            lease.keys.remove(key);
        }
    }

    /// The id that was chosen last, and the time to live and the deadline of each lease.
    pub(crate) fn export(&self) -> (LeaseId, impl Iterator<Item = (LeaseId, Duration, Duration)>) {
        (self.last_chosen, self.by_id.iter().map(|(id, lease)| (*id, lease.ttl, lease.deadline)))
    }

    pub(super) fn set_last_chosen(&mut self, id: LeaseId) {
        self.last_chosen = id;
    }

    /// Adds a lease as it was, without its keys.
    pub(super) fn restore(&mut self, id: LeaseId, ttl: Duration, deadline: Duration) {
        self.by_id.insert(id, Lease { ttl, deadline, keys: OrdSet::new() });
        self.by_deadline.insert((deadline, id));
    }

    fn choose_id(&mut self) -> LeaseId {
        loop {
            self.last_chosen = self.last_chosen.checked_add(1).unwrap_or(1);
            if !self.contains(self.last_chosen) {
                return self.last_chosen;
            }
        }
    }
}

impl Lease {
    fn info(&self, id: LeaseId, at: Duration) -> LeaseInfo {
        LeaseInfo {
            id,
            ttl: self.ttl,
            remaining: self.deadline.saturating_sub(at),
            keys: self.keys.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_lease_ends_its_ttl_after_the_last_keep_alive() {
        let mut leases = Leases::default();
        leases.grant(7, 10 * S, Duration::ZERO, 9).unwrap();
        leases.grant(8, 12 * S, Duration::ZERO, 9).unwrap();
        assert_eq!(leases.expired(9 * S), None);
        assert_eq!(leases.keep_alive(7, 9 * S).unwrap().remaining, 10 * S);
        assert_eq!((leases.expired(12 * S), leases.next_deadline()), (Some(8), Some(12 * S)));
        leases.remove(8, 12 * S).unwrap();
        assert_eq!((leases.expired(18 * S), leases.expired(19 * S)), (None, Some(7)));
    }

    #[test]
    fn chosen_ids_avoid_those_taken_and_bad_grants_are_refused() {
        let mut leases = Leases::default();
        leases.grant(1, S, S, 3).unwrap();
        assert_eq!(leases.grant(0, S, S, 3).unwrap().id, 2);
        assert!(matches!(leases.grant(1, S, S, 3), Err(StoreError::LeaseExists(1))));
        assert!(matches!(leases.grant(5, Duration::ZERO, S, 3), Err(StoreError::Invalid(_))));
        assert!(matches!(leases.grant(5, MAX_LEASE_TTL + S, S, 3), Err(StoreError::Invalid(_))));
        leases.grant(5, MAX_LEASE_TTL, Duration::MAX, 3).unwrap();
        assert!(matches!(leases.grant(6, S, S, 3), Err(StoreError::NoSpace)));
        assert!(matches!(leases.keep_alive(9, S), Err(StoreError::LeaseNotFound(9))));
    }
}
