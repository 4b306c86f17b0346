//! Long reads, page by page at one revision.
//!
//! etcd makes each answer whole in memory before it sends it, so a list of a hundred thousand
//! objects in one answer stops it and us for seconds. The first page tells the revision, the number
//! of all keys and how long values are; the others are cut to some megabytes each.

use orchestrator_core::store::{Range, RangeResponse, Revision, StoreError};

use super::EtcdStore;
use super::error::{CallError, Refusal};
use super::request;
use super::response::{self, header_revision};
use crate::proto::etcd as wire;

/// How many keys the first page has: of objects as Kubernetes writes them, a megabyte or so.
const FIRST_PAGE: usize = 500;

/// How long a page should be: long enough that the way there and back does not count.
const PAGE_BYTES: usize = 4 << 20;

/// The most keys of a page, for keys without values to speak of.
const MAX_PAGE: usize = 10_000;

/// How often a read of the newest starts again when its revision is forgotten on the way.
const RESTARTS: usize = 3;

impl EtcdStore {
    /// Reads keys at one revision.
    pub(super) async fn read_range(&self, range: &Range) -> Result<RangeResponse, StoreError> {
        let mut restarts = 0;
        loop {
            let (failed, at) = match self.pages(range).await {
                Ok(found) => return Ok(found),
                Err(failed) => failed,
            };
            let forgotten = matches!(failed, CallError::Refused(Refusal::Compacted));
            if !(forgotten && range.revision.is_zero() && restarts < RESTARTS) {
                return Err(self.about_revision(failed, at).await);
            }
            restarts += 1;
        }
    }

    /// All pages of one read; an error comes with the revision that was asked for.
    async fn pages(&self, range: &Range) -> Result<RangeResponse, (CallError, Revision)> {
        let asked = range.revision;
        let whole = request::range(&self.prefix, range).map_err(|error| (invalid(error), asked))?;
        let mut page = wire::RangeRequest { serializable: range.serializable, ..whole };
        if range.count_only || range.keys.end.is_none() {
            return self.page(page).await.map_err(|error| (error, asked));
        }
        page.limit = limit(range.limit, 0, FIRST_PAGE);
        let mut all = self.page(page.clone()).await.map_err(|error| (error, asked))?;
        let at = if asked.is_zero() { all.revision } else { asked };
        // Another member may not have this revision yet, and is to wait for it.
        page.serializable = false;
        page.revision = request::signed(at);
        while all.more && (range.limit == 0 || all.kvs.len() < range.limit) {
            let Some(last) = all.kvs.last() else { break };
            let next = [last.key.as_bytes(), &[0]].concat();
            page.key = self.prefix.key(&next.into()).map_err(|error| (invalid(error), at))?;
            page.limit = limit(range.limit, all.kvs.len(), fitting(&all));
            let more = self.page(page.clone()).await.map_err(|error| (error, at))?;
            all.kvs.extend(more.kvs);
            all.more = more.more;
        }
        Ok(all)
    }

    async fn page(&self, page: wire::RangeRequest) -> Result<RangeResponse, CallError> {
        let answer = self.client.read(page).await?;
        let newest = header_revision(answer.header.as_ref());
        response::range(&self.prefix, answer, newest)
            .map_err(|misfit| CallError::Unavailable(misfit.into()))
    }
}

/// The limit of the next page.
fn limit(wanted: usize, have: usize, page: usize) -> i64 {
    let left = if wanted == 0 { page } else { (wanted - have).min(page) };
    i64::try_from(left).unwrap_or(i64::MAX)
}

/// How many keys like those before make a page.
fn fitting(before: &RangeResponse) -> usize {
    let size =
        |kv: &orchestrator_core::store::KeyValue| kv.key.as_bytes().len() + kv.value.bytes().len();
    let bytes: usize = before.kvs.iter().map(size).sum();
    let each = bytes / before.kvs.len().max(1);
    (PAGE_BYTES / each.max(1)).clamp(1, MAX_PAGE)
}

fn invalid(error: StoreError) -> CallError {
    match error {
        StoreError::Invalid(why) => CallError::Refused(Refusal::Invalid(why)),
        other => CallError::Unavailable(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::Value;
    use orchestrator_core::store::KeyValue;

    #[test]
    fn pages_are_cut_by_length_and_by_what_is_wanted() {
        let kv = |bytes: usize| KeyValue {
            key: "k".into(),
            value: Value::from_bytes(vec![0; bytes]),
            create_revision: Revision::new(2),
            mod_revision: Revision::new(2),
            version: 1,
            lease: 0,
        };
        let page = |bytes: usize| {
            fitting(&RangeResponse { kvs: vec![kv(bytes), kv(bytes)], ..RangeResponse::default() })
        };
        assert_eq!((page(0), page(8 << 20)), (MAX_PAGE, 1));
        assert_eq!(page((1 << 10) - 1), PAGE_BYTES >> 10);
        assert_eq!((limit(0, 500, 20), limit(510, 500, 20), limit(1000, 500, 20)), (20, 10, 20));
    }
}
