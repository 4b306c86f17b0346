//! `list`: reads a collection at one revision, in pages where the client wants them.

use std::sync::Arc;

use orchestrator_core::request::Options;
use orchestrator_core::service::{List, ResponseBody};
use orchestrator_core::store::{Key, KeyRange, Range, RangeResponse, StoreError};
use orchestrator_core::value::Item;
use orchestrator_core::{Revision, Status};

use super::continue_token::Place;
use super::filter::Filter;
use super::{options, revision};
use crate::pipeline::Cx;
use crate::registry::{Stored, failed, too_large_revision};

/// How many objects are read at a time where a selector decides which of them count.
const CHUNK: usize = 500;

/// Which state of the collection to read, and from where.
struct Plan {
    keys: KeyRange,
    /// Zero for the newest.
    revision: Revision,
    limit: usize,
    /// Whether the client holds a token, and is told how to go on when its revision is gone.
    continued: bool,
}

/// A page while it fills.
#[derive(Default)]
struct Page {
    items: Vec<Item>,
    revision: Revision,
    /// The last key looked at, where there is more after it.
    more_after: Option<Key>,
    remaining: Option<u64>,
}

/// Answers with the collection, or a page of it.
pub(crate) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    collect(cx).await.map(ResponseBody::List)
}

/// The collection that the request's selectors and page options want.
pub(crate) async fn collect(cx: &Cx<'_>) -> Result<List, Status> {
    options::check_list(&cx.request.options)?;
    let filter = Filter::of(cx)?;
    let page = read(cx, &filter).await?;
    let namespace = &cx.request.namespace;
    let continue_token = page.more_after.map(|key| {
        let start = format!("{}\0", cx.resource.below(namespace, &key));
        Place { revision: Some(page.revision), start }.encode()
    });
    Ok(List {
        def: Arc::clone(&cx.resource.def),
        revision: page.revision,
        continue_token: continue_token.unwrap_or_default(),
        remaining: page.remaining,
        items: page.items,
    })
}

async fn read(cx: &Cx<'_>, filter: &Filter) -> Result<Page, Status> {
    let mut plan = plan(cx, filter).await?;
    let chunk = match (plan.limit, filter.is_everything()) {
        (0, _) => 0,
        (limit, true) => limit,
        (limit, false) => limit.max(CHUNK),
    };
    let mut page = Page::default();
    loop {
        let range =
            Range { revision: plan.revision, limit: chunk, ..Range::new(plan.keys.clone()) };
        let found = fetch(cx, range, &plan).await?;
        if page.revision.is_zero() {
            page.revision = if plan.revision.is_zero() { found.revision } else { plan.revision };
            plan.revision = page.revision;
        }
        match page.take(cx, filter, plan.limit, found).await? {
            Some(next) => plan.keys.start = next,
            None => return Ok(page),
        }
    }
}

impl Page {
    /// Takes what matches; the key to read on from, where the page is not full yet.
    async fn take(
        &mut self,
        cx: &Cx<'_>,
        filter: &Filter,
        limit: usize,
        found: RangeResponse,
    ) -> Result<Option<Key>, Status> {
        let (got, total, more) = (found.kvs.len() as u64, found.count, found.more);
        let mut last = None;
        let mut kvs = found.kvs.into_iter().peekable();
        if limit == 0 {
            self.items.reserve(kvs.len());
        }
        while let Some(kv) = kvs.next() {
            let key = kv.key.clone();
            let item = cx.resource.present(Stored::from(kv).item).await?;
            if filter.wants(&item)? {
                self.items.push(item);
            }
            if limit > 0 && self.items.len() == limit && (more || kvs.peek().is_some()) {
                self.more_after = Some(key);
                self.remaining = filter.is_everything().then_some(total - got);
                return Ok(None);
            }
            last = Some(key);
        }
        match last {
            Some(key) if more => Ok(Some(after(&key))),
            _ => Ok(None),
        }
    }
}

/// The first key that can follow `key`.
fn after(key: &Key) -> Key {
    let mut next = key.as_bytes().to_vec();
    next.push(0);
    Key::from(next)
}

async fn plan(cx: &Cx<'_>, filter: &Filter) -> Result<Plan, Status> {
    let Options { resource_version, resource_version_match, continue_token, limit, .. } =
        &cx.request.options;
    let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
    let mut keys = match filter.name() {
        Some(name) if !cx.resource.def.is_namespaced() || !cx.request.namespace.is_empty() => {
            KeyRange::key(cx.resource.key(&cx.request.namespace, name))
        }
        _ => cx.resource.keys(&cx.request.namespace),
    };
    if !continue_token.is_empty() {
        let place = Place::decode(continue_token)?;
        if !matches!(resource_version.as_str(), "" | "0") {
            let why = "specifying resource version is not allowed when using continue";
            return Err(Status::bad_request(why));
        }
        if keys.end.is_some() {
            let prefix = String::from_utf8_lossy(keys.start.as_bytes()).into_owned();
            keys.start = Key::from(prefix + &place.start);
        }
        let revision = place.revision.unwrap_or_default();
        return Ok(Plan { keys, revision, limit, continued: true });
    }
    let wanted = revision::parse(resource_version)?;
    let exact = match resource_version_match.as_str() {
        "Exact" => true,
        "NotOlderThan" => false,
        // Without a word about it, a page is of the very revision asked for.
        _ => limit > 0 && !wanted.is_zero(),
    };
    if !wanted.is_zero() {
        let newest = cx.server.objects.revision().await?;
        if wanted > newest {
            return Err(too_large_revision(wanted, newest));
        }
    }
    let revision = if exact { wanted } else { Revision::ZERO };
    Ok(Plan { keys, revision, limit, continued: false })
}

async fn fetch(cx: &Cx<'_>, range: Range, plan: &Plan) -> Result<RangeResponse, Status> {
    let start = range.keys.start.clone();
    match cx.server.objects.store().range(range).await {
        Ok(found) => Ok(found),
        Err(StoreError::Compacted { .. }) if plan.continued => Err(expired(cx, &start)),
        Err(StoreError::Compacted { .. }) => {
            Err(Status::expired("The resourceVersion for the provided list is too old."))
        }
        Err(error) => Err(failed(&error)),
    }
}

/// 410, with a token that goes on from the same key in whatever state the collection is then.
fn expired(cx: &Cx<'_>, start: &Key) -> Status {
    const WHY: &str = "The provided continue parameter is too old to display a consistent list \
        result. You can start a new list without the continue parameter, or use the continue token \
        in this response to retrieve the remainder of the results. Continuing with the provided \
        token results in an inconsistent list - objects that were created, modified, or deleted \
        between the time the first chunk was returned and now may show up in the list.";
    let start = cx.resource.below(&cx.request.namespace, start).to_owned();
    let mut status = Status::expired(WHY);
    status.details.continue_token = Place { revision: None, start }.encode();
    status
}
