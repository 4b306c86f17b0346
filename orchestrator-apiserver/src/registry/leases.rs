//! Leases for objects that end by themselves.
//!
//! A lease of its own for every event would cost more than the event. Objects that are made
//! within a minute of each other share one, so that an object lives up to a minute longer than
//! its kind says, never shorter.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use orchestrator_core::store::{LeaseId, LeaseOp};
use orchestrator_core::{Env, Status, Store};
use rustc_hash::FxHashMap;
use tokio::sync::Mutex;

use super::failed;

/// For how long objects share a lease.
const SHARED_FOR: Duration = Duration::from_secs(60);

/// The most objects on one lease, so that its end is no long transaction.
const MAX_SHARED: usize = 1000;

/// The leases that new objects join.
#[derive(Debug)]
pub(crate) struct Leases {
    store: Arc<dyn Store>,
    env: Env,
    /// By time to live in seconds.
    open: Mutex<FxHashMap<u64, Open>>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    id: LeaseId,
    since: Timestamp,
    objects: usize,
}

impl Leases {
    pub(crate) fn new(store: Arc<dyn Store>, env: Env) -> Self {
        Self { store, env, open: Mutex::default() }
    }

    /// The lease of a new object that lives for `ttl_s` seconds; 0 for one that does not end.
    pub(crate) async fn lease(&self, ttl_s: u64) -> Result<LeaseId, Status> {
        if ttl_s == 0 {
            return Ok(0);
        }
        let now = self.env.now();
        let mut open = self.open.lock().await;
        if let Some(open) = open.get_mut(&ttl_s)
            && open.objects < MAX_SHARED
            && now.duration_since(open.since).unsigned_abs() < SHARED_FOR
        {
            open.objects += 1;
            return Ok(open.id);
        }
        let ttl = Duration::from_secs(ttl_s) + SHARED_FOR;
        let granted = self.store.lease(LeaseOp::Grant { id: 0, ttl }).await;
        let granted = granted.map_err(|error| failed(&error))?;
        let id = granted.first().map_or(0, |lease| lease.id);
        open.insert(ttl_s, Open { id, since: now, objects: 1 });
        Ok(id)
    }
}
