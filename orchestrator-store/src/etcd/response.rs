//! etcd's answers as the contract has them.

use orchestrator_core::store::{Event, KeyValue, OpResult, RangeResponse, Revision, TxnResponse};
use orchestrator_core::{BoxError, Value};

use super::keys::Prefix;
use crate::proto::etcd as wire;
use crate::proto::etcd::event::EventType;
use crate::proto::etcd::response_op::Response;

/// The answer does not fit the question.
#[derive(Debug, thiserror::Error)]
#[error("the answer of etcd does not fit the question: {0}")]
pub(super) struct Misfit(pub(super) &'static str);

/// The revision in the header of an answer.
pub(super) fn header_revision(header: Option<&wire::ResponseHeader>) -> Revision {
    header.map_or(Revision::ZERO, |header| revision(header.revision))
}

/// A revision as etcd counts it; it tells none below zero.
pub(super) fn revision(number: i64) -> Revision {
    Revision::new(u64::try_from(number).unwrap_or(0))
}

/// A key with its value, which shares the buffer of the answer.
pub(super) fn key_value(prefix: &Prefix, kv: wire::KeyValue) -> Result<KeyValue, Misfit> {
    Ok(KeyValue {
        key: prefix.strip(&kv.key).ok_or(Misfit("a key is outside the prefix"))?,
        value: Value::from_bytes(kv.value),
        create_revision: revision(kv.create_revision),
        mod_revision: revision(kv.mod_revision),
        version: u64::try_from(kv.version).unwrap_or(0),
        lease: kv.lease,
    })
}

fn key_values(prefix: &Prefix, kvs: Vec<wire::KeyValue>) -> Result<Vec<KeyValue>, Misfit> {
    kvs.into_iter().map(|kv| key_value(prefix, kv)).collect()
}

/// What a read found; `newest` where the header does not tell.
pub(super) fn range(
    prefix: &Prefix,
    answer: wire::RangeResponse,
    newest: Revision,
) -> Result<RangeResponse, Misfit> {
    let told = header_revision(answer.header.as_ref());
    Ok(RangeResponse {
        revision: if told.is_zero() { newest } else { told },
        kvs: key_values(prefix, answer.kvs)?,
        count: u64::try_from(answer.count).unwrap_or(0),
        more: answer.more,
    })
}

/// What a transaction did; `padded` if its one result is of the read that was added.
pub(super) fn txn(
    prefix: &Prefix,
    answer: wire::TxnResponse,
    padded: bool,
) -> Result<TxnResponse, BoxError> {
    let newest = header_revision(answer.header.as_ref());
    let mut done = inner(prefix, answer, newest)?;
    if padded {
        done.results.clear();
    }
    Ok(done)
}

fn inner(
    prefix: &Prefix,
    answer: wire::TxnResponse,
    newest: Revision,
) -> Result<TxnResponse, Misfit> {
    let mut results = Vec::with_capacity(answer.responses.len());
    for response in answer.responses {
        results.push(match response.response.ok_or(Misfit("a step has no result"))? {
            Response::ResponseRange(found) => OpResult::Range(range(prefix, found, newest)?),
            Response::ResponsePut(put) => {
                let prev = put.prev_kv.map(|kv| key_value(prefix, kv)).transpose()?;
                OpResult::Put { prev }
            }
            Response::ResponseDeleteRange(deleted) => {
                OpResult::Delete { prev: key_values(prefix, deleted.prev_kvs)? }
            }
            Response::ResponseTxn(done) => OpResult::Txn(inner(prefix, done, newest)?),
        });
    }
    Ok(TxnResponse { revision: newest, succeeded: answer.succeeded, results })
}

/// A change; `None` where what it replaced has been forgotten, which the contract always tells.
pub(super) fn event(prefix: &Prefix, event: wire::Event) -> Result<Option<Event>, Misfit> {
    let deleted = event.r#type == i32::from(EventType::Delete);
    let kv = key_value(prefix, event.kv.ok_or(Misfit("a change has no key"))?)?;
    let prev = event.prev_kv.map(|kv| key_value(prefix, kv)).transpose()?;
    let replaces = deleted || kv.create_revision != kv.mod_revision;
    if replaces && prev.is_none() {
        return Ok(None);
    }
    Ok(Some(Event { kv, prev, deleted }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv(key: &'static str, created: i64, modified: i64) -> wire::KeyValue {
        wire::KeyValue {
            key: key.into(),
            create_revision: created,
            mod_revision: modified,
            version: 1,
            value: "v".into(),
            lease: 0,
        }
    }

    #[test]
    fn a_change_whose_past_is_forgotten_is_told_apart_from_a_first_one() {
        let prefix = Prefix::default();
        let shown = |r#type: EventType, kv: wire::KeyValue, prev: Option<wire::KeyValue>| {
            let change = wire::Event { r#type: r#type.into(), kv: Some(kv), prev_kv: prev };
            match event(&prefix, change) {
                Ok(Some(event)) => format!("{} {}", event.deleted, event.prev.is_some()),
                Ok(None) => "forgotten".into(),
                Err(misfit) => misfit.to_string(),
            }
        };
        assert_eq!(shown(EventType::Put, kv("a", 5, 5), None), "false false");
        assert_eq!(shown(EventType::Put, kv("a", 5, 6), Some(kv("a", 5, 5))), "false true");
        assert_eq!(shown(EventType::Put, kv("a", 5, 6), None), "forgotten");
        assert_eq!(shown(EventType::Delete, kv("a", 0, 6), None), "forgotten");
    }

    #[test]
    fn an_answer_that_does_not_fit_is_an_error() {
        let empty = wire::TxnResponse {
            responses: vec![wire::ResponseOp { response: None }],
            ..wire::TxnResponse::default()
        };
        assert!(txn(&Prefix::default(), empty, false).is_err());
        let foreign = key_value(&Prefix::new(b"p/".to_vec()), kv("q/a", 2, 2));
        assert!(foreign.is_err());
    }
}
