//! Splitting an answer that is larger than a message should be, where the client asked for it.

use crate::face::encode::WatchAnswer;
use crate::face::pieces::Answer;

/// Splits `answer` into parts below `max` bytes, all but the last marked as fragments.
///
/// An event is never split, so a part with one event may be larger.
pub(super) fn split(mut answer: WatchAnswer, max: usize) -> Vec<WatchAnswer> {
    if answer.events.len() < 2 || answer.bytes() < max {
        return vec![answer];
    }
    let events = std::mem::take(&mut answer.events);
    let part = WatchAnswer { fragment: true, ..answer };
    let empty = part.bytes();
    let mut parts = vec![part.clone()];
    let mut size = empty;
    for event in events {
        let bytes = WatchAnswer::event_len(&event, part.before);
        let mut last = parts.last_mut().expect("one part from the start");
        if !last.events.is_empty() && size + bytes >= max {
            parts.push(part.clone());
            last = parts.last_mut().expect("just added");
            size = empty;
        }
        last.events.push(event);
        size += bytes;
    }
    parts.last_mut().expect("one part from the start").fragment = false;
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::store::{Event, KeyValue, Revision};
    use orchestrator_core::value::Value;
    use std::sync::Arc;

    fn event(bytes: usize) -> Arc<Event> {
        let kv = KeyValue {
            key: "k".into(),
            value: Value::from_bytes(vec![b'v'; bytes]),
            create_revision: Revision::new(2),
            mod_revision: Revision::new(2),
            version: 1,
            lease: 0,
        };
        Arc::new(Event { kv, prev: None, deleted: false })
    }

    fn check(sizes: &[usize], parts: &[usize]) {
        let events = sizes.iter().map(|bytes| event(*bytes)).collect();
        let split = split(WatchAnswer { events, ..WatchAnswer::default() }, 1000);
        assert!(split.iter().all(|part| part.events.len() == 1 || part.bytes() < 1000));
        assert!(split.iter().map(|part| part.events.len()).eq(parts.iter().copied()));
        let (last, others) = split.split_last().unwrap();
        assert!(!last.fragment && others.iter().all(|part| part.fragment));
    }

    #[test]
    fn parts_are_filled_in_order_and_only_the_last_is_no_fragment() {
        check(&[], &[0]);
        check(&[5000], &[1]);
        check(&[400, 400], &[2]);
        check(&[400, 400, 400], &[2, 1]);
        check(&[900, 900, 10, 10], &[1, 3]);
        check(&[10, 5000, 10], &[1, 1, 1]);
    }
}
