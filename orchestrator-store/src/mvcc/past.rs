//! Reads a revision from the next newer root: no root is made, only keys that are read are led
//! back.

use orchestrator_core::store::{Event, Key, KeyRange, KeyValue, RangeResponse, Revision};

use super::churn::Churn;
use super::log::Log;
use super::root::{self, Entry, Root};
use super::tree::Iter;

/// All keys at a revision that no root was kept of.
#[derive(Clone, Debug)]
pub(super) struct Past {
    revision: Revision,
    /// The keys at a later revision.
    root: Root,
    /// What came and went up to that.
    churn: Churn,
    log: Log,
}

impl Past {
    /// The keys at `revision`, of which `churn` knows what happened until `root`, and `log` how.
    pub(super) fn new(revision: Revision, root: Root, churn: Churn, log: Log) -> Self {
        Self { revision, root, churn, log }
    }

    /// Reads; the answer says `newest` for the store's revision.
    pub(super) fn range(
        &self,
        keys: &KeyRange,
        limit: usize,
        count_only: bool,
        newest: Revision,
    ) -> RangeResponse {
        if keys.end.is_none() {
            return root::one(self.read(keys, 1).pop(), count_only, newest);
        }
        let count = self.count(keys);
        let room = root::room(limit, count_only, count);
        let kvs = self.read(keys, room);
        let more = !count_only && count > kvs.len() as u64;
        RangeResponse { revision: newest, kvs, count, more }
    }

    /// Gives the first `room` keys of `keys` in order, as they were.
    ///
    /// They are copied as they are at the root, and those that were changed since are put right
    /// afterwards: most were not, and these cost what they cost in a list of now.
    pub(super) fn read(&self, keys: &KeyRange, room: usize) -> Vec<KeyValue> {
        let mut kvs = Vec::with_capacity(room);
        let mut known = Known::new(self.root.iter(keys), self.churn.gone(keys));
        let mut changed = Vec::new();
        loop {
            let start = kvs.len();
            let mut place = start;
            let mut note = |at: Revision| {
                if at > self.revision {
                    changed.push((place, at));
                }
                place += 1;
            };
            if known.has_gone() {
                let newest = known.by_ref().filter_map(|(key, newest)| self.newest(key, newest));
                kvs.extend(newest.take(room - start).inspect(|kv| note(kv.mod_revision)));
            } else {
                kvs.extend(known.there.by_ref().take(room - start).map(|(key, entry)| {
                    note(entry.mod_revision);
                    entry.to_kv(key)
                }));
            }
            // Keys that were not there yet leave room for others.
            if !self.lead_back(&mut kvs, changed.drain(..)) {
                return kvs;
            }
        }
    }

    /// A key as it is known; none if it had gone by the revision.
    fn newest(&self, key: &Key, newest: Newest<'_>) -> Option<KeyValue> {
        match newest {
            Newest::There(entry) => Some(entry.to_kv(key)),
            Newest::Gone(at) if at <= self.revision => None,
            Newest::Gone(at) => Some(self.event(key, at).kv.clone()),
        }
    }

    /// Puts right the keys at some places, which were changed then; whether some are not there.
    fn lead_back(
        &self,
        kvs: &mut Vec<KeyValue>,
        changed: impl Iterator<Item = (usize, Revision)>,
    ) -> bool {
        // One step of all after another: what is read lies all over the memory, and a processor
        // that has many places waits for them together. Copies let nothing overtake them.
        let events: Vec<_> =
            changed.map(|(place, at)| (place, self.event(&kvs[place].key, at))).collect();
        let before: Vec<_> =
            events.into_iter().map(|(place, event)| (place, self.before(event))).collect();
        let mut absent = Vec::new();
        for (place, before) in before {
            match before {
                Some(kv) => kvs[place] = kv.clone(),
                None => absent.push(place),
            }
        }
        let (mut place, mut rest) = (0, absent.iter().copied().peekable());
        if !absent.is_empty() {
            kvs.retain(|_| {
                place += 1;
                rest.next_if_eq(&(place - 1)).is_none()
            });
        }
        !absent.is_empty()
    }

    fn count(&self, keys: &KeyRange) -> u64 {
        let then = self.root.count(keys) as i64 - self.churn.grown(keys, self.revision);
        u64::try_from(then).expect("no more keys came than are there")
    }

    /// What the key of `event`, which is after the revision, was at the revision.
    fn before<'a>(&'a self, mut event: &'a Event) -> Option<&'a KeyValue> {
        loop {
            let key = &event.kv.key;
            let newer = match &event.prev {
                Some(prev) if prev.mod_revision <= self.revision => return Some(prev),
                Some(prev) => prev.mod_revision,
                // It came then: it may have been deleted before.
                None => self.churn.deleted_before(event.kv.mod_revision, key)?,
            };
            if newer <= self.revision {
                return None;
            }
            event = self.event(key, newer);
        }
    }

    /// The event of `key` at `newer`, which is after the revision.
    fn event(&self, key: &Key, newer: Revision) -> &Event {
        self.log.find(newer, key).expect("events after a readable revision are kept")
    }
}

/// What is known of a key at the root.
enum Newest<'a> {
    There(&'a Entry),
    /// It was deleted then.
    Gone(Revision),
}

/// The keys that are in a root and those that went before it, in order.
struct Known<'a> {
    there: Iter<'a, Entry>,
    /// One that was taken from those, and comes after the next one that went.
    held: Option<(&'a Key, &'a Entry)>,
    gone: Iter<'a, Revision>,
    next_gone: Option<(&'a Key, &'a Revision)>,
}

impl<'a> Known<'a> {
    fn new(there: Iter<'a, Entry>, mut gone: Iter<'a, Revision>) -> Self {
        let next_gone = gone.next();
        Self { there, held: None, gone, next_gone }
    }

    /// Whether there is more than the keys of the root.
    fn has_gone(&self) -> bool {
        self.next_gone.is_some() || self.held.is_some()
    }
}

impl<'a> Iterator for Known<'a> {
    type Item = (&'a Key, Newest<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let there = self.held.take().or_else(|| self.there.next());
        if let Some((gone, at)) = self.next_gone
            && there.is_none_or(|(key, _)| gone < key)
        {
            self.held = there;
            self.next_gone = self.gone.next();
            return Some((gone, Newest::Gone(*at)));
        }
        there.map(|(key, entry)| (key, Newest::There(entry)))
    }
}
