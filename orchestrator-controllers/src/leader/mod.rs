//! Leader election: of several processes only the one that holds a `Lease` works.
//!
//! A process takes a lease that nobody holds, or that has not changed for its duration by the
//! process's own clock, and then renews it. Every write is a compare-and-swap on the lease's
//! resource version, so two processes cannot both take it. A leader that could not renew within
//! the renew deadline, which is shorter than the duration, stops before another may start.
//!
//! # Source
//! The semantics and the default times of client-go's leader election.

mod record;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::{Api, Client};
use orchestrator_core::{Env, ObjectKey, Status};
use parking_lot::Mutex;
use tokio::time::Instant;

use record::{Observed, Step, released, taken};

/// How a lease is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long the others leave a lease alone that does not change.
    pub lease_duration: Duration,
    /// How long a leader tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// The time between two attempts.
    pub retry_period: Duration,
}

impl Default for Timing {
    /// 15 s, 10 s, 2 s.
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

/// A candidate for a lease; clones are the same candidate.
#[derive(Clone, Debug)]
pub struct Elector {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    api: Api<Lease>,
    env: Env,
    key: ObjectKey,
    identity: String,
    timing: Timing,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    observed: Option<Observed>,
    /// The lease as we wrote it last, while we hold it.
    held: Option<Arc<Lease>>,
}

impl Elector {
    /// A candidate named `identity` for the lease `key`; identities are unique among candidates.
    pub fn new(
        client: &Client,
        key: ObjectKey,
        identity: impl Into<String>,
        timing: Timing,
    ) -> Self {
        let (api, env, identity) = (client.api(), client.env().clone(), identity.into());
        let state = Mutex::default();
        Self { inner: Arc::new(Inner { api, env, key, identity, timing, state }) }
    }

    /// Whether the lease was ours when it was last written or read.
    pub fn is_leader(&self) -> bool {
        self.inner.state.lock().held.is_some()
    }

    /// Waits until the lease is ours.
    pub async fn acquire(&self) {
        loop {
            match self.attempt().await {
                Ok(true) => return tracing::info!(lease = %self.inner.key, "became leader"),
                Ok(false) => {}
                Err(status) => tracing::debug!(%status, "lease not taken"),
            }
            // Up to a fifth more, so that candidates do not meet again and again.
            let jitter = 1.0 + self.inner.env.random_unit() * 0.2;
            self.inner.env.sleep(self.inner.timing.retry_period.mul_f64(jitter)).await;
        }
    }

    /// Renews the lease; returns when it is lost.
    pub async fn hold(&self) {
        let Timing { renew_deadline, retry_period, .. } = self.inner.timing;
        let mut renewed = self.inner.env.instant();
        loop {
            self.inner.env.sleep(retry_period).await;
            let attempt = tokio::select! {
                biased;
                attempt = self.attempt() => attempt,
                () = self.inner.env.sleep_until(renewed + renew_deadline) => Ok(false),
            };
            match attempt {
                Ok(true) => renewed = self.inner.env.instant(),
                other if self.inner.env.instant() >= renewed + renew_deadline => {
                    tracing::error!(lease = %self.inner.key, ?other, "leadership lost");
                    self.inner.state.lock().held = None;
                    return;
                }
                other => tracing::debug!(?other, "lease not renewed"),
            }
        }
    }

    /// Gives the lease back, where it is ours.
    pub async fn release(&self) {
        let Some(held) = self.inner.state.lock().held.take() else { return };
        let mut lease = Lease::clone(&held);
        lease.spec = lease.spec.map(|spec| released(&spec, self.inner.env.now()));
        // Where this fails, the lease runs out by itself.
        if let Err(status) = self.inner.api.update(&lease).await {
            tracing::debug!(%status, "lease not given back");
        }
    }

    /// Takes or renews the lease once; tells whether it is ours.
    async fn attempt(&self) -> Result<bool, Status> {
        let inner = &*self.inner;
        let own = taken(&inner.identity, inner.timing.lease_duration, inner.env.now());
        let known = inner.state.lock().held.clone();
        if let Some(held) = known
            && let Ok(true) = self.renew(held, &own).await
        {
            return Ok(true);
        }
        match inner.api.find(&inner.key).await? {
            None => {
                let metadata = ObjectMeta {
                    namespace: Some(inner.key.namespace.to_string()),
                    name: Some(inner.key.name.to_string()),
                    ..ObjectMeta::default()
                };
                let made = inner.api.create(&Lease { metadata, spec: Some(own) }).await?;
                Ok(self.keep(made))
            }
            Some(found) => self.renew(found, &own).await,
        }
    }

    /// Writes over a lease that we read or wrote, where we may.
    async fn renew(&self, lease: Arc<Lease>, own: &LeaseSpec) -> Result<bool, Status> {
        let step = self.observe(&lease).decide(&self.inner.identity, own, self.now());
        let Step::Write(spec) = step else {
            self.inner.state.lock().held = None;
            return Ok(false);
        };
        let mut wanted = Lease::clone(&lease);
        wanted.spec = Some(*spec);
        Ok(self.keep(self.inner.api.update(&wanted).await?))
    }

    fn keep(&self, lease: Arc<Lease>) -> bool {
        self.observe(&lease);
        self.inner.state.lock().held = Some(lease);
        true
    }

    /// Notes what a lease looks like and since when.
    fn observe(&self, lease: &Lease) -> Observed {
        let spec = lease.spec.clone().unwrap_or_default();
        let mut state = self.inner.state.lock();
        let observed = Observed::update(state.observed.take(), spec, self.now());
        state.observed.insert(observed).clone()
    }

    fn now(&self) -> Instant {
        self.inner.env.instant()
    }
}

/// The identity that a process takes by default: its host's name and something unique.
pub fn identity(host: &str, env: &Env) -> String {
    format!("{host}_{}", env.uid())
}

/// The key of the lease of the built-in controllers.
pub fn controllers_lease() -> ObjectKey {
    ObjectKey::new("kube-system", "kube-controller-manager")
}
