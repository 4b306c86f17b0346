//! Makes an image.

use std::collections::VecDeque;

use bytes::Bytes;
use orchestrator_core::store::{Event, Key, KeyRange, Revision};

use super::block;
use super::record::{Record, Start};
use crate::mvcc::{Mvcc, Snapshot};

/// Streams `mvcc`, a fork, with `meta` for the engine that will read it; blocks of some 64 KiB.
///
/// The fork stops no writer.
pub fn export(mvcc: Mvcc, meta: Bytes) -> impl Iterator<Item = Bytes> + Send {
    Exporter {
        part: Part::Start(meta),
        keys: mvcc.snapshot(mvcc.floor()).expect("the floor can be read"),
        mvcc,
        ready: VecDeque::new(),
        records: 0,
        blocks: 0,
    }
}

/// An image on its way out.
struct Exporter {
    mvcc: Mvcc,
    /// The keys at the floor.
    keys: Snapshot,
    part: Part,
    /// Records that come next.
    ready: VecDeque<Record>,
    records: u64,
    blocks: u64,
}

/// What comes next.
enum Part {
    Start(Bytes),
    /// The keys from this one on.
    Keys(Key),
    /// The changes of the floor itself.
    Floor,
    /// The changes of this revision.
    Changes(Revision),
    End,
    Done,
}

/// How many keys are made records at a time.
const KEYS_AT_A_TIME: usize = 64;

impl Exporter {
    fn next_record(&mut self) -> Option<Record> {
        while self.ready.is_empty() {
            self.part = match std::mem::replace(&mut self.part, Part::Done) {
                Part::Start(meta) => self.start(meta),
                Part::Keys(from) => self.keys(from),
                Part::Floor => self.floor(),
                Part::Changes(revision) => self.changes(revision),
                Part::End => {
                    self.ready.push_back(Record::End(self.records));
                    Part::Done
                }
                Part::Done => return None,
            };
        }
        self.records += 1;
        self.ready.pop_front()
    }

    fn start(&mut self, meta: Bytes) -> Part {
        let floor = self.mvcc.floor();
        let (last_chosen, leases) = self.mvcc.leases().export();
        let newest = self.mvcc.revision();
        self.ready.push_back(Record::Start(Start { floor, newest, last_chosen, meta }));
        let record = |(id, ttl, deadline)| Record::Lease { id, ttl, deadline };
        self.ready.extend(leases.map(record));
        Part::Keys(Key::from(""))
    }

    fn keys(&mut self, from: Key) -> Part {
        let rest = KeyRange { start: from, end: Some(Key::from("\0")) };
        let found = self.keys.first(&rest, KEYS_AT_A_TIME);
        self.ready.extend(found.into_iter().map(Record::Key));
        match self.ready.back() {
            Some(Record::Key(last)) if self.ready.len() == KEYS_AT_A_TIME => {
                Part::Keys(Key::from([last.key.as_bytes(), b"\0"].concat()))
            }
            _ => Part::Floor,
        }
    }

    fn floor(&mut self) -> Part {
        let floor = self.mvcc.floor();
        if let Some(events) = self.mvcc.events(floor) {
            let event = |event: &std::sync::Arc<Event>| Record::FloorEvent(Event::clone(event));
            self.ready.extend(events.iter().map(event));
            self.ready.push_back(Record::Commit);
        }
        Part::Changes(floor.next())
    }

    fn changes(&mut self, revision: Revision) -> Part {
        let Some(events) = self.mvcc.events(revision) else { return Part::End };
        self.ready.extend(events.iter().map(|event| match &event.kv {
            kv if event.deleted => Record::Delete(kv.key.clone()),
            kv => Record::Put(kv.key.clone(), kv.value.clone(), kv.lease),
        }));
        self.ready.push_back(Record::Commit);
        Part::Changes(revision.next())
    }
}

impl Iterator for Exporter {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let first = self.next_record()?;
        let number = self.blocks;
        self.blocks += 1;
        let mut first = Some(first);
        let records = std::iter::from_fn(|| first.take().or_else(|| self.next_record()));
        Some(block::encode(number, records))
    }
}
