//! The cluster at one moment, for whoever wants to decide without running a scheduler.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_client::Informers;
use orchestrator_core::scheduler::{Scheduler, Snapshot};

use super::inbox::Inbox;
use super::sources::Sources;
use crate::engine::{Backoff, Engine};

/// Waits until the informers are in sync, and takes the cluster as they show it.
pub async fn snapshot(informers: &Informers) -> Snapshot {
    let activity = informers.client().env().activity().clone();
    let inbox = Arc::new(Inbox::default());
    let sources = Sources::new(informers, BTreeMap::new(), &inbox, &activity);
    sources.synced().await;
    let nobody = std::iter::empty::<Arc<dyn Scheduler>>();
    let mut engine = Engine::new(nobody, Backoff::default(), &activity);
    let (keys, _busy) = inbox.take();
    for (subject, key) in keys {
        sources.apply(&mut engine, subject, &key, Duration::ZERO);
    }
    engine.snapshot().clone()
}
