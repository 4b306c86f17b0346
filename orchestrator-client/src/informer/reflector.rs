//! The task behind a cache: list, watch, resume, and list again when the past is gone.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::request::Options;
use orchestrator_core::service::{ResponseBody, Watch};
use orchestrator_core::{GroupVersionResource, Revision, Status, Verb};

use super::Cache;
use crate::Client;
use crate::api::unexpected;

/// The first wait after a failure; doubled up to the last.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait after a failure: a server that comes back is found within this time.
const LAST_BACKOFF: Duration = Duration::from_secs(30);

pub(super) struct Reflector {
    client: Client,
    resource: GroupVersionResource,
    fields: String,
    cache: Arc<Cache>,
}

impl Reflector {
    pub(super) fn new(
        client: Client,
        resource: GroupVersionResource,
        fields: String,
        cache: Arc<Cache>,
    ) -> Self {
        Self { client, resource, fields, cache }
    }

    /// Follows the collection until the task is dropped.
    pub(super) async fn run(self) {
        let mut resume = None;
        let mut backoff = FIRST_BACKOFF;
        loop {
            let before = self.cache.revision();
            let Err(status) = self.follow(resume).await else { continue };
            let progressed = self.cache.revision() > before;
            resume = match status.is_expired() {
                true => None,
                false => Some(self.cache.revision()).filter(|revision| !revision.is_zero()),
            };
            if progressed {
                backoff = FIRST_BACKOFF;
            }
            if status.code != ENDED {
                tracing::warn!(resource = %self.resource, %status, "informer lost its watch");
                self.client.env().sleep(self.jittered(backoff)).await;
                backoff = (backoff * 2).min(LAST_BACKOFF);
            }
        }
    }

    /// Up to half as long again, so that many informers do not come back at one moment.
    fn jittered(&self, backoff: Duration) -> Duration {
        backoff.mul_f64(1.0 + self.client.env().random_unit() / 2.0)
    }

    /// Lists unless there is a revision to resume from, then watches until the watch ends.
    async fn follow(&self, resume: Option<Revision>) -> Result<(), Status> {
        // Boxed, so that the task is small while it follows the watch, which is nearly always.
        let mut events = Box::pin(self.open(resume)).await?.events;
        while let Some(event) = events.next().await {
            self.cache.apply(&event?);
        }
        Err(Status::new(ENDED, "", "watch ended"))
    }

    async fn open(&self, resume: Option<Revision>) -> Result<Watch, Status> {
        let from = match resume {
            Some(revision) => revision,
            None => self.list().await?,
        };
        let options = Options {
            resource_version: from.to_string(),
            allow_watch_bookmarks: true,
            field_selector: self.fields.clone(),
            ..Options::default()
        };
        let request = self.client.request(Verb::Watch, self.resource.clone()).options(options);
        match self.client.call(request).await?.body {
            ResponseBody::Watch(watch) => Ok(watch),
            other => Err(unexpected(&other)),
        }
    }

    async fn list(&self) -> Result<Revision, Status> {
        let options = Options { field_selector: self.fields.clone(), ..Options::default() };
        let request = self.client.request(Verb::List, self.resource.clone()).options(options);
        match self.client.call(request).await?.body {
            ResponseBody::List(list) => {
                self.cache.replace(list.items, list.revision);
                Ok(list.revision)
            }
            other => Err(unexpected(&other)),
        }
    }
}

/// The code of a watch that ended without a failure, as servers do now and then on purpose.
const ENDED: u16 = 0;
