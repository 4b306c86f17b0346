//! Who was bound when, as a watch tells it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use orchestrator::client::{Client, Informers};
use orchestrator::core::controller::Change;
use orchestrator::core::{BoxError, Env, ObjectKey};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Selects the pods that have a node.
const BOUND: &str = "spec.nodeName!=";

/// Counts the pods that were bound since it began.
pub struct Tally {
    shared: Arc<Shared>,
    env: Env,
    _informers: Informers,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Notify,
}

#[derive(Default)]
struct Seen {
    /// By namespace.
    bound: BTreeMap<String, usize>,
    measured: Option<Measured>,
}

/// What is known of the pods of one namespace.
struct Measured {
    namespace: String,
    begun: Instant,
    made: Made,
    times: Times,
}

/// When pods were bound, in the order in which that was seen.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Since the measurement began.
    pub at: Vec<Duration>,
    /// Since the request for the pod was sent.
    pub took: Vec<Duration>,
}

/// When the requests for pods were sent, in microseconds since the measurement began.
pub type Made = Arc<[AtomicU64]>;

impl Tally {
    /// Begins to watch.
    pub async fn start(client: &Client) -> Self {
        let informers = Informers::new(client.clone());
        let shared = Arc::new(Shared { seen: Mutex::default(), changed: Notify::new() });
        let pods = informers.selected::<Pod>(BOUND);
        pods.synced().await;
        let (told, env) = (Arc::clone(&shared), client.env().clone());
        let clock = env.clone();
        pods.on_change(Arc::new(move |change: &Change| {
            if let (None, Some(new)) = (&change.old, &change.new) {
                told.note(&new.key(), clock.instant());
            }
        }));
        // Those that were there already are none of ours.
        shared.seen.lock().bound.clear();
        Self { shared, env, _informers: informers }
    }

    /// Takes the times of the pods of `namespace` from now on.
    pub fn measure(&self, namespace: &str, made: Made) {
        let measured = Measured {
            namespace: namespace.to_owned(),
            begun: self.env.instant(),
            made,
            times: Times::default(),
        };
        self.shared.seen.lock().measured = Some(measured);
    }

    /// The times taken.
    pub fn times(&self) -> Times {
        let measured = self.shared.seen.lock().measured.take();
        measured.map(|measured| measured.times).unwrap_or_default()
    }

    /// Waits until so many pods of these namespaces were bound; `tell` is told how many are.
    ///
    /// # Errors
    /// None was for `patience`.
    pub async fn wait(
        &self,
        namespaces: &[String],
        wanted: usize,
        patience: Duration,
        tell: impl Fn(usize),
    ) -> Result<(), BoxError> {
        let mut last = (self.bound(namespaces), self.env.instant());
        loop {
            let bound = self.bound(namespaces);
            tell(bound);
            if bound >= wanted {
                return Ok(());
            }
            if bound != last.0 {
                last = (bound, self.env.instant());
            }
            tokio::select! {
                biased;
                () = self.shared.changed.notified() => {}
                () = self.env.sleep_until(last.1 + patience) => {
                    let why = format!(
                        "{bound} of {wanted} pods in {} are bound, and none was for {} s",
                        namespaces.first().map_or("no namespace", String::as_str),
                        patience.as_secs(),
                    );
                    return Err(why.into());
                }
            }
        }
    }

    /// How many pods of these namespaces were bound.
    pub fn bound(&self, namespaces: &[String]) -> usize {
        let seen = self.shared.seen.lock();
        namespaces.iter().filter_map(|namespace| seen.bound.get(namespace)).sum()
    }
}

impl Shared {
    fn note(&self, key: &ObjectKey, now: Instant) {
        let mut seen = self.seen.lock();
        match seen.bound.get_mut(key.namespace.as_ref()) {
            Some(count) => *count += 1,
            None => drop(seen.bound.insert(key.namespace.to_string(), 1)),
        }
        if let Some(measured) = seen.measured.as_mut().filter(|m| m.namespace == key.namespace) {
            measured.note(&key.name, now);
        }
        drop(seen);
        self.changed.notify_one();
    }
}

impl Measured {
    /// The number at the end of a pod's name is its place among those made.
    fn note(&mut self, name: &str, now: Instant) {
        let number = name.rsplit('-').next().and_then(|number| number.parse::<usize>().ok());
        let Some(made) = number.and_then(|number| self.made.get(number)) else { return };
        let at = now.saturating_duration_since(self.begun);
        let made = Duration::from_micros(made.load(Ordering::Relaxed));
        self.times.at.push(at);
        self.times.took.push(at.saturating_sub(made));
    }
}
