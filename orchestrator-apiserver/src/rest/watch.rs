//! `watch`: follows a collection from a revision, as its selectors see it.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use orchestrator_core::service::{ResponseBody, Watch, WatchEvent};
use orchestrator_core::store::{
    Event, KeyRange, Range, StoreError, WatchRequest, WatchStream, WatchUpdate,
};
use orchestrator_core::value::Item;
use orchestrator_core::{Env, Revision, Status};
use tokio::time::Instant;

use super::filter::Filter;
use super::{options, revision};
use crate::pipeline::Cx;
use crate::registry::{Resource, Stored, failed, too_large_revision};

/// How often a watcher that asks for bookmarks gets one.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

/// A watch while it runs.
struct Watcher {
    env: Env,
    resource: Arc<Resource>,
    filter: Filter,
    source: WatchStream,
    /// What is to be sent before anything else.
    ready: VecDeque<Result<WatchEvent, Status>>,
    /// Everything up to this revision was delivered.
    reached: Revision,
    deadline: Option<Instant>,
    bookmark: Option<Instant>,
    /// Whether the last item has been sent.
    ended: bool,
}

/// Answers with the changes of the collection, or of one object of it.
pub(crate) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    let options = &cx.request.options;
    options::check_watch(options)?;
    let filter = Filter::of(cx)?;
    let keys = match filter.name() {
        Some(name) if !cx.resource.def.is_namespaced() || !cx.request.namespace.is_empty() => {
            KeyRange::key(cx.resource.key(&cx.request.namespace, name))
        }
        _ => cx.resource.keys(&cx.request.namespace),
    };
    let (ready, from) = begin(cx, &filter, &keys).await?;
    let mut request = WatchRequest::new(keys, from.next());
    if options.allow_watch_bookmarks {
        request = request.with_progress(BOOKMARK_EVERY);
    }
    let source = match cx.server.objects.watch(request).await {
        Ok(source) => source,
        Err(error) => stream::once(async { Err(error) }).boxed(),
    };
    let env = &cx.server.env;
    let now = env.instant();
    let watcher = Watcher {
        env: env.clone(),
        resource: Arc::clone(&cx.resource),
        filter,
        source,
        ready,
        reached: from,
        deadline: options.timeout.map(|timeout| now + timeout),
        bookmark: options.allow_watch_bookmarks.then(|| now + BOOKMARK_EVERY),
        ended: false,
    };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((event, watcher))
    });
    Ok(ResponseBody::Watch(Watch { def: Arc::clone(&cx.resource.def), events: events.boxed() }))
}

/// The events that tell the initial state, and the revision from which on to watch.
async fn begin(
    cx: &Cx<'_>,
    filter: &Filter,
    keys: &KeyRange,
) -> Result<(VecDeque<Result<WatchEvent, Status>>, Revision), Status> {
    let options = &cx.request.options;
    let wanted = revision::parse(&options.resource_version)?;
    let initial = options.send_initial_events.unwrap_or(wanted.is_zero());
    if !initial {
        let from = match wanted.is_zero() {
            true => cx.server.objects.revision().await?,
            false => wanted,
        };
        return Ok((VecDeque::new(), from));
    }
    let found = cx.server.objects.range(Range::new(keys.clone())).await?;
    if wanted > found.revision {
        return Err(too_large_revision(wanted, found.revision));
    }
    let mut ready = VecDeque::with_capacity(found.kvs.len() + 1);
    for kv in found.kvs {
        let item = cx.resource.present(Stored::from(kv).item).await?;
        if filter.wants(&item)? {
            ready.push_back(Ok(WatchEvent::Added(item)));
        }
    }
    if options.send_initial_events == Some(true) && options.allow_watch_bookmarks {
        let revision = found.revision;
        ready.push_back(Ok(WatchEvent::Bookmark { revision, initial_events_end: true }));
    }
    Ok((ready, found.revision))
}

impl Watcher {
    /// The next event; `None` when the watch is over.
    async fn next(&mut self) -> Option<Result<WatchEvent, Status>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.ended |= event.is_err();
                return Some(event);
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                biased;
                update = self.source.next() => self.take(update).await,
                () = retired(&self.resource) => self.ended = true,
                () = until(&self.env, self.deadline) => self.ended = true,
                () = until(&self.env, self.bookmark) => self.mark(),
            }
        }
    }

    async fn take(&mut self, update: Option<Result<WatchUpdate, StoreError>>) {
        match update {
            None => self.ended = true,
            Some(Err(error)) => self.ready.push_back(Err(ended(&error, self.reached))),
            Some(Ok(WatchUpdate::Progress(revision))) => {
                self.reached = self.reached.max(revision);
                self.mark();
            }
            Some(Ok(WatchUpdate::Events { revision, events })) => {
                self.reached = revision;
                for event in events.iter() {
                    match see(&self.resource, &self.filter, event, revision).await {
                        Ok(Some(seen)) => self.ready.push_back(Ok(seen)),
                        Ok(None) => {}
                        Err(status) => self.ready.push_back(Err(status)),
                    }
                }
            }
        }
    }

    /// Tells how far the watch has come, to a watcher that wants to know.
    fn mark(&mut self) {
        if self.bookmark.is_none() {
            return;
        }
        let revision = self.reached;
        self.ready.push_back(Ok(WatchEvent::Bookmark { revision, initial_events_end: false }));
        self.bookmark = Some(self.env.instant() + BOOKMARK_EVERY);
    }
}

/// The event as the selectors see it.
async fn see(
    resource: &Resource,
    filter: &Filter,
    event: &Event,
    revision: Revision,
) -> Result<Option<WatchEvent>, Status> {
    let before = match &event.prev {
        Some(prev) => wanted(resource, filter, Item::new(prev.value.clone(), revision)).await?,
        None => None,
    };
    if event.deleted {
        return Ok(before.map(WatchEvent::Deleted));
    }
    let after = Item::new(event.kv.value.clone(), revision);
    let after = wanted(resource, filter, after).await?;
    Ok(match (before, after) {
        (Some(_), Some(item)) => Some(WatchEvent::Modified(item)),
        (None, Some(item)) => Some(WatchEvent::Added(item)),
        (Some(item), None) => Some(WatchEvent::Deleted(item)),
        (None, None) => None,
    })
}

/// The item in the version watched, where the selectors want it.
async fn wanted(resource: &Resource, filter: &Filter, item: Item) -> Result<Option<Item>, Status> {
    let item = resource.present(item).await?;
    let wanted = filter.wants(&item)?;
    Ok(wanted.then_some(item))
}

/// Returns when the kind is no longer what the watch began with; a built-in kind always is.
async fn retired(resource: &Resource) {
    match &resource.custom {
        Some(custom) => custom.retired.cancelled().await,
        None => pending().await,
    }
}

async fn until(env: &Env, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => env.sleep_until(deadline).await,
        None => pending().await,
    }
}

/// The status that ends a watch whose source ended.
fn ended(error: &StoreError, reached: Revision) -> Status {
    match error {
        StoreError::Compacted { oldest, .. } => {
            Status::expired(format!("too old resource version: {reached} ({oldest})"))
        }
        other => failed(other),
    }
}
