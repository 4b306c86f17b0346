//! Answers that carry many keys, written to the wire straight from what the store shares.
//!
//! The generated messages own their fields, so each would copy every key and allocate. These write
//! the same bytes from the store's own values; the tests hold them against the generated ones.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use orchestrator_core::store::{Event, KeyValue};
use prost::encoding::{
    WireType, encode_key, encode_varint, encoded_len_varint, int64, key_len, string,
};

use super::pieces::{Answer, Pieces};
use crate::proto::etcd::ResponseHeader;

/// Which part of an event's keys a watcher gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Before {
    /// The key after the change only.
    #[default]
    Absent,
    /// The key before the change too.
    Present,
}

/// The answer to a range, as `RangeResponse`.
#[derive(Debug, Default)]
pub(super) struct RangeAnswer {
    pub(super) header: ResponseHeader,
    pub(super) kvs: Vec<KeyValue>,
    pub(super) keys_only: bool,
    pub(super) more: bool,
    pub(super) count: i64,
}

/// An answer on a watch stream, as `WatchResponse`.
#[derive(Clone, Debug, Default)]
pub(super) struct WatchAnswer {
    pub(super) header: ResponseHeader,
    pub(super) watch_id: i64,
    pub(super) created: bool,
    pub(super) canceled: bool,
    pub(super) compact_revision: i64,
    pub(super) cancel_reason: String,
    pub(super) fragment: bool,
    pub(super) events: Vec<Arc<Event>>,
    pub(super) before: Before,
}

impl Answer for RangeAnswer {
    fn write(&self, out: &mut Pieces) {
        prost::encoding::message::encode(1, &self.header, out.small());
        for kv in &self.kvs {
            put_kv(2, &Kv { kv, keys_only: self.keys_only }, out);
        }
        put_bool(3, self.more, out.small());
        put_int(4, self.count, out.small());
    }

    fn bytes(&self) -> usize {
        let kv_len = |kv| nested_len(2, Kv { kv, keys_only: self.keys_only }.len());
        prost::encoding::message::encoded_len(1, &self.header)
            + self.kvs.iter().map(kv_len).sum::<usize>()
            + bool_len(3, self.more)
            + int_len(4, self.count)
    }
}

impl WatchAnswer {
    /// The bytes that one event takes in the answer.
    pub(super) fn event_len(event: &Event, before: Before) -> usize {
        nested_len(11, EventParts::of(event, before).len())
    }
}

impl Answer for WatchAnswer {
    fn write(&self, out: &mut Pieces) {
        let buf = out.small();
        prost::encoding::message::encode(1, &self.header, buf);
        put_int(2, self.watch_id, buf);
        put_bool(3, self.created, buf);
        put_bool(4, self.canceled, buf);
        put_int(5, self.compact_revision, buf);
        if !self.cancel_reason.is_empty() {
            string::encode(6, &self.cancel_reason, buf);
        }
        put_bool(7, self.fragment, buf);
        for event in &self.events {
            EventParts::of(event, self.before).put(out);
        }
    }

    fn bytes(&self) -> usize {
        let reason = match self.cancel_reason.is_empty() {
            true => 0,
            false => string::encoded_len(6, &self.cancel_reason),
        };
        prost::encoding::message::encoded_len(1, &self.header)
            + int_len(2, self.watch_id)
            + bool_len(3, self.created)
            + bool_len(4, self.canceled)
            + int_len(5, self.compact_revision)
            + reason
            + bool_len(7, self.fragment)
            + self.events.iter().map(|e| Self::event_len(e, self.before)).sum::<usize>()
    }
}

/// A key as `KeyValue`.
struct Kv<'a> {
    kv: &'a KeyValue,
    keys_only: bool,
}

impl<'a> Kv<'a> {
    /// The value, where it is told and not empty.
    fn value(&self) -> Option<&'a Bytes> {
        Some(self.kv.value.bytes()).filter(|value| !self.keys_only && !value.is_empty())
    }

    /// The numbers, by field.
    fn numbers(&self) -> [(u32, i64); 3] {
        let kv = self.kv;
        [
            (2, number(kv.create_revision.get())),
            (3, number(kv.mod_revision.get())),
            (4, number(kv.version)),
        ]
    }

    fn len(&self) -> usize {
        let numbers = self.numbers().into_iter().map(|(tag, value)| int_len(tag, value));
        bytes_len(1, self.kv.key.as_bytes())
            + numbers.sum::<usize>()
            + self.value().map_or(0, |value| nested_len(5, value.len()))
            + int_len(6, self.kv.lease)
    }
}

/// An event as `Event`.
struct EventParts<'a> {
    deleted: bool,
    kv: Kv<'a>,
    prev: Option<Kv<'a>>,
}

impl<'a> EventParts<'a> {
    fn of(event: &'a Event, before: Before) -> Self {
        let prev = event.prev.as_ref().filter(|_| before == Before::Present);
        Self {
            deleted: event.deleted,
            kv: Kv { kv: &event.kv, keys_only: false },
            prev: prev.map(|kv| Kv { kv, keys_only: false }),
        }
    }

    fn len(&self) -> usize {
        int_len(1, i64::from(self.deleted))
            + nested_len(2, self.kv.len())
            + self.prev.as_ref().map_or(0, |prev| nested_len(3, prev.len()))
    }

    fn put(&self, out: &mut Pieces) {
        put_head(11, self.len(), out.small());
        put_int(1, i64::from(self.deleted), out.small());
        put_kv(2, &self.kv, out);
        if let Some(prev) = &self.prev {
            put_kv(3, prev, out);
        }
    }
}

/// A number of the store as the wire has it; none comes near the sign.
pub(super) fn number(of_store: u64) -> i64 {
    of_store.cast_signed()
}

fn put_kv(tag: u32, kv: &Kv<'_>, out: &mut Pieces) {
    let buf = out.small();
    put_head(tag, kv.len(), buf);
    let key = kv.kv.key.as_bytes();
    if !key.is_empty() {
        put_head(1, key.len(), buf);
        buf.put_slice(key);
    }
    kv.numbers().iter().for_each(|(tag, value)| put_int(*tag, *value, buf));
    if let Some(value) = kv.value() {
        put_head(5, value.len(), buf);
        out.value(value);
    }
    put_int(6, kv.kv.lease, out.small());
}

/// What stands before a field of so many bytes.
fn put_head(tag: u32, bytes: usize, buf: &mut impl BufMut) {
    encode_key(tag, WireType::LengthDelimited, buf);
    encode_varint(bytes as u64, buf);
}

fn bytes_len(tag: u32, bytes: &[u8]) -> usize {
    if bytes.is_empty() { 0 } else { nested_len(tag, bytes.len()) }
}

fn nested_len(tag: u32, len: usize) -> usize {
    key_len(tag) + encoded_len_varint(len as u64) + len
}

fn put_int(tag: u32, value: i64, buf: &mut impl BufMut) {
    if value != 0 {
        int64::encode(tag, &value, buf);
    }
}

fn int_len(tag: u32, value: i64) -> usize {
    if value == 0 { 0 } else { int64::encoded_len(tag, &value) }
}

fn put_bool(tag: u32, value: bool, buf: &mut impl BufMut) {
    put_int(tag, i64::from(value), buf);
}

fn bool_len(tag: u32, value: bool) -> usize {
    int_len(tag, i64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::reply;
    use crate::proto::etcd as pb;
    use orchestrator_core::store::{Key, Revision};
    use orchestrator_core::value::Value;
    use proptest::prelude::*;
    use prost::Message;

    fn kvs() -> impl Strategy<Value = KeyValue> {
        let bytes = |most| proptest::collection::vec(any::<u8>(), 0..most);
        let value = prop_oneof![bytes(200), Just(vec![b'x'; 5000])];
        (bytes(200), value, any::<[u32; 3]>(), any::<i64>()).prop_map(
            |(key, value, [create, modified, version], lease)| KeyValue {
                key: Key::from(key),
                value: Value::from_bytes(value),
                create_revision: Revision::new(create.into()),
                mod_revision: Revision::new(modified.into()),
                version: version.into(),
                lease,
            },
        )
    }

    fn header(revision: i64) -> ResponseHeader {
        ResponseHeader { cluster_id: 1, member_id: 2, revision, raft_term: 3 }
    }

    /// What is written of an answer, which is as long as it says.
    fn written(answer: &impl Answer) -> Vec<u8> {
        let mut pieces = Pieces::default();
        answer.write(&mut pieces);
        let written = pieces.finish().collect::<Vec<_>>().concat();
        assert_eq!(written.len(), answer.bytes());
        written
    }

    proptest! {
        #[test]
        fn a_range_answer_is_what_the_generated_message_writes(
            kvs in proptest::collection::vec(kvs(), 0..4),
            keys_only: bool,
            more: bool,
            count in 0..300_i64,
        ) {
            let message = pb::RangeResponse {
                header: Some(header(count)),
                kvs: kvs.iter().map(|kv| reply::key_value(kv, keys_only)).collect(),
                more,
                count,
            };
            let answer = RangeAnswer { header: header(count), kvs, keys_only, more, count };
            prop_assert_eq!(written(&answer), message.encode_to_vec());
        }

        #[test]
        fn a_watch_answer_is_what_the_generated_message_writes(
            events in proptest::collection::vec((kvs(), proptest::option::of(kvs()), any::<bool>()), 0..4),
            flags: [bool; 4],
            numbers: [i64; 2],
            reason in "[a-z]{0,4}",
        ) {
            let before = if flags[3] { Before::Present } else { Before::Absent };
            let events: Vec<_> = events.into_iter()
                .map(|(kv, prev, deleted)| Arc::new(Event { kv, prev, deleted }))
                .collect();
            let message = pb::WatchResponse {
                header: Some(header(5)),
                watch_id: numbers[0],
                created: flags[0],
                canceled: flags[1],
                compact_revision: numbers[1],
                cancel_reason: reason.clone(),
                fragment: flags[2],
                events: events.iter().map(|event| pb::Event {
                    r#type: i32::from(event.deleted),
                    kv: Some(reply::key_value(&event.kv, false)),
                    prev_kv: event.prev.as_ref().filter(|_| flags[3])
                        .map(|kv| reply::key_value(kv, false)),
                }).collect(),
            };
            let answer = WatchAnswer {
                header: header(5),
                watch_id: numbers[0],
                created: flags[0],
                canceled: flags[1],
                compact_revision: numbers[1],
                cancel_reason: reason,
                fragment: flags[2],
                events,
                before,
            };
            prop_assert_eq!(written(&answer), message.encode_to_vec());
            let sizes: usize = answer.events.iter().map(|e| WatchAnswer::event_len(e, before)).sum();
            let empty = WatchAnswer { events: Vec::new(), ..answer.clone() };
            prop_assert_eq!(sizes + empty.bytes(), answer.bytes());
        }
    }
}
