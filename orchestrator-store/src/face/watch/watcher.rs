//! One watcher of a stream: what it asked for, and how changes become answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::AbortHandle;
use orchestrator_core::store::{self, Event, KeyRange, Revision};
use tokio::time::Instant;

use super::fragment;
use crate::face::encode::{Before, WatchAnswer};
use crate::face::options::{MAX_REQUEST_BYTES, MESSAGE_SLACK_BYTES};
use crate::face::request;
use crate::proto::etcd::watch_create_request::FilterType;
use crate::proto::etcd::{ResponseHeader, WatchCreateRequest};

/// When an answer is full: further revisions go into the next one.
const FULL_BYTES: usize = 1 << 20;

/// Above this an answer is split where the client takes fragments.
const MAX_MESSAGE_BYTES: usize = MAX_REQUEST_BYTES + MESSAGE_SLACK_BYTES;

/// A watcher as the session knows it.
#[derive(Debug)]
pub(super) struct Watcher {
    id: i64,
    pub(super) keys: KeyRange,
    before: Before,
    drops_puts: bool,
    drops_deletions: bool,
    takes_fragments: bool,
    /// The first revision that it wants.
    pub(super) from: Revision,
    /// How often it wants to be told of progress while nothing else comes.
    progress: Option<Duration>,
    told: Option<Instant>,
    /// Ends its stream of changes.
    stream: AbortHandle,
}

/// The keys that a watcher asks for; an empty key is the smallest there is.
pub(super) fn keys(asked: &WatchCreateRequest) -> KeyRange {
    let key = if asked.key.is_empty() { Bytes::from_static(&[0]) } else { asked.key.clone() };
    request::keys(&key, &asked.range_end)
}

/// Whether no key can be in `keys`.
pub(super) fn is_empty(keys: &KeyRange) -> bool {
    !keys.is_unbounded() && keys.end.as_ref().is_some_and(|end| keys.start >= *end)
}

impl Watcher {
    pub(super) fn new(
        id: i64,
        asked: &WatchCreateRequest,
        from: Revision,
        progress: Duration,
        stream: AbortHandle,
    ) -> Self {
        let filters: Vec<FilterType> = asked.filters().collect();
        Self {
            id,
            keys: keys(asked),
            before: if asked.prev_kv { Before::Present } else { Before::Absent },
            drops_puts: filters.contains(&FilterType::Noput),
            drops_deletions: filters.contains(&FilterType::Nodelete),
            takes_fragments: asked.fragment,
            from,
            progress: asked.progress_notify.then_some(progress),
            told: None,
            stream,
        }
    }

    /// Whether progress is to be told at `now`: other streams demand it too, and more often than
    /// this watcher wants to know.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let Some(every) = self.progress else { return false };
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= every / 2);
        if due {
            self.told = Some(now);
        }
        due
    }

    /// The answers that tell `updates`: of some revisions each, none of which is in two answers
    /// that are not fragments of one.
    pub(super) fn answers(
        &self,
        updates: impl IntoIterator<Item = (Revision, Arc<[Arc<Event>]>)>,
        header: impl Fn(Revision) -> ResponseHeader,
        out: &mut impl Extend<WatchAnswer>,
    ) {
        let (mut events, mut bytes, mut newest) = (Vec::new(), 0, Revision::ZERO);
        for (revision, commit) in updates {
            let wanted = commit.iter().filter(|event| self.wants(event));
            for event in wanted {
                bytes += WatchAnswer::event_len(event, self.before);
                events.push(Arc::clone(event));
            }
            newest = revision;
            if bytes >= FULL_BYTES {
                bytes = 0;
                out.extend(self.answer(std::mem::take(&mut events), header(newest)));
            }
        }
        if !events.is_empty() {
            out.extend(self.answer(events, header(newest)));
        }
    }

    fn answer(&self, events: Vec<Arc<Event>>, header: ResponseHeader) -> Vec<WatchAnswer> {
        let (watch_id, before) = (self.id, self.before);
        let answer = WatchAnswer { header, watch_id, events, before, ..WatchAnswer::default() };
        let max = if self.takes_fragments { MAX_MESSAGE_BYTES } else { usize::MAX };
        fragment::split(answer, max)
    }

    fn wants(&self, event: &store::Event) -> bool {
        if event.deleted { !self.drops_deletions } else { !self.drops_puts }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stream.abort();
    }
}
