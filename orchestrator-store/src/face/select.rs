//! The options of a range that the store does not know: filters by revision, and other orders.
//!
//! The store returns keys in order; with these options more is fetched than the limit, and the
//! limit is applied here. `count` is that of the keys, filters aside, as in etcd.

use std::cmp::Ordering;

use orchestrator_core::store::{KeyValue, RangeResponse};

use crate::proto::etcd::RangeRequest;
use crate::proto::etcd::range_request::{SortOrder, SortTarget};

/// How many keys to fetch for `request`, 0 for all.
pub(super) fn fetch_limit(request: &RangeRequest) -> usize {
    let limit = usize::try_from(request.limit).unwrap_or(0);
    match limit {
        0 => 0,
        _ if is_filtered(request) || request.sort_order() != SortOrder::None => 0,
        // Another order is made of one key more than the limit, as etcd does.
        _ if request.sort_target() != SortTarget::Key => limit + 1,
        limit => limit,
    }
}

/// Applies what the store did not.
pub(super) fn apply(request: &RangeRequest, found: &mut RangeResponse) {
    if request.count_only {
        return;
    }
    if is_filtered(request) {
        found.kvs.retain(|kv| is_wanted(request, kv));
    }
    sort(request, &mut found.kvs);
    if let Ok(limit) = usize::try_from(request.limit)
        && limit > 0
        && (is_filtered(request) || found.kvs.len() > limit)
    {
        found.more = found.kvs.len() > limit;
        found.kvs.truncate(limit);
    }
}

fn is_filtered(request: &RangeRequest) -> bool {
    let RangeRequest { min_mod_revision, max_mod_revision, .. } = request;
    let RangeRequest { min_create_revision, max_create_revision, .. } = request;
    [min_mod_revision, max_mod_revision, min_create_revision, max_create_revision] != [&0; 4]
}

fn is_wanted(request: &RangeRequest, kv: &KeyValue) -> bool {
    let within = |revision: u64, min: i64, max: i64| {
        let revision = revision.cast_signed();
        (min == 0 || revision >= min) && (max == 0 || revision <= max)
    };
    within(kv.mod_revision.get(), request.min_mod_revision, request.max_mod_revision)
        && within(
            kv.create_revision.get(),
            request.min_create_revision,
            request.max_create_revision,
        )
}

fn sort(request: &RangeRequest, kvs: &mut [KeyValue]) {
    let target = request.sort_target();
    match (request.sort_order(), target) {
        // The store's own order.
        (SortOrder::None | SortOrder::Ascend, SortTarget::Key) => {}
        (SortOrder::None | SortOrder::Ascend, _) => kvs.sort_by(|a, b| order(target, a, b)),
        (SortOrder::Descend, _) => kvs.sort_by(|a, b| order(target, b, a)),
    }
}

fn order(target: SortTarget, a: &KeyValue, b: &KeyValue) -> Ordering {
    match target {
        SortTarget::Key => a.key.cmp(&b.key),
        SortTarget::Version => a.version.cmp(&b.version),
        SortTarget::Create => a.create_revision.cmp(&b.create_revision),
        SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
        SortTarget::Value => a.value.bytes().cmp(b.value.bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::store::{Key, Revision};
    use orchestrator_core::value::Value;

    /// Keys `a` to `e`, the first written last.
    fn found() -> RangeResponse {
        let kvs = ["a", "b", "c", "d", "e"].into_iter().zip((1..=5).rev());
        let kvs = kvs.map(|(key, revision)| KeyValue {
            key: Key::from(key),
            value: Value::from_bytes(if key < "c" { "x" } else { "w" }),
            create_revision: Revision::new(revision),
            mod_revision: Revision::new(10 * revision),
            version: 1,
            lease: 0,
        });
        RangeResponse { revision: Revision::new(60), kvs: kvs.collect(), count: 5, more: false }
    }

    fn check(request: RangeRequest, wanted: &str) {
        let mut found = found();
        match fetch_limit(&request) {
            0 => {}
            limit => {
                found.more = found.kvs.len() > limit;
                found.kvs.truncate(limit);
            }
        }
        apply(&request, &mut found);
        let keys = found.kvs.iter().map(|kv| String::from_utf8_lossy(kv.key.as_bytes()));
        let more = if found.more { "+" } else { "" };
        assert_eq!(keys.collect::<String>() + more, wanted, "{request:?}");
    }

    #[test]
    fn limits_filters_and_orders_combine_as_in_etcd() {
        let request = |limit, order: SortOrder, target: SortTarget| RangeRequest {
            limit,
            sort_order: order.into(),
            sort_target: target.into(),
            ..RangeRequest::default()
        };
        let plain = |limit| request(limit, SortOrder::None, SortTarget::Key);
        check(plain(0), "abcde");
        check(plain(3), "abc+");
        check(plain(5), "abcde");
        check(plain(-1), "abcde");
        check(request(2, SortOrder::Descend, SortTarget::Key), "ed+");
        check(request(2, SortOrder::Ascend, SortTarget::Mod), "ed+");
        check(request(9, SortOrder::Descend, SortTarget::Create), "abcde");
        check(request(0, SortOrder::Ascend, SortTarget::Value), "cdeab");
        check(request(0, SortOrder::Descend, SortTarget::Version), "abcde");
        // Without an order the limit cuts by key first.
        check(request(2, SortOrder::None, SortTarget::Mod), "cb+");
        let filter = |limit, min_mod_revision, max_create_revision| RangeRequest {
            min_mod_revision,
            max_create_revision,
            ..plain(limit)
        };
        check(filter(0, 20, 4), "bcd");
        check(filter(2, 20, 4), "bc+");
        check(filter(3, 20, 4), "bcd");
        check(RangeRequest { max_mod_revision: 15, ..plain(0) }, "e");
        check(RangeRequest { min_create_revision: 5, ..plain(1) }, "a");
    }
}
