use super::*;
use crate::mvcc::Limits;
use orchestrator_core::store::{Op, Put, Txn};
use orchestrator_core::value::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

/// Counts how often it is woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A state machine with its hub, as an engine holds them.
struct Engine {
    mvcc: Mvcc,
    hub: Hub,
    activity: Activity,
    counter: Arc<Counter>,
}

impl Engine {
    fn new(limits: Limits) -> Self {
        let activity = Activity::default();
        let hub = Hub::new(activity.clone());
        Self { mvcc: Mvcc::new(limits), hub, activity, counter: Arc::default() }
    }

    fn put(&mut self, keys: &[&str]) {
        let put = |key: &&str| Op::Put(Put::new(*key, Value::from_bytes("v")));
        let txn = Txn { then: keys.iter().map(put).collect(), ..Txn::default() };
        let revision = self.mvcc.txn(txn).unwrap().revision;
        let mut wakers = Wakers::new();
        self.hub.publish(revision, self.mvcc.events(revision).unwrap(), &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn watch(&mut self, keys: KeyRange, from: u64) -> WatcherId {
        self.hub.add(keys, Revision::new(from), self.mvcc.revision(), true)
    }

    /// All that the watcher can have, as `revision:keys`; then it rests.
    fn take(&mut self, id: WatcherId) -> String {
        let waker = Waker::from(Arc::clone(&self.counter));
        let mut shown = Vec::new();
        loop {
            let mut updates = VecDeque::new();
            match self.hub.look(id, &self.mvcc, false, &mut updates, &waker) {
                Look::Updates => shown.extend(updates.into_iter().map(show)),
                Look::Again => {}
                Look::Idle(_) => break,
                Look::Lost(error) => {
                    shown.push(error.to_string());
                    break;
                }
                Look::Closed => panic!("nobody closed it"),
            }
        }
        shown.join(" ")
    }

    fn woken(&self) -> usize {
        self.counter.0.swap(0, Ordering::SeqCst)
    }
}

fn show(update: WatchUpdate) -> String {
    match update {
        WatchUpdate::Events { revision, events } => {
            let keys = events.iter().map(|event| event.kv.key.as_bytes().to_vec());
            let keys = keys.collect::<Vec<_>>().join(&b'+');
            format!("{revision}:{}", String::from_utf8(keys).unwrap())
        }
        WatchUpdate::Progress(revision) => format!("{revision}!"),
    }
}

#[test]
fn only_watchers_of_changed_keys_wake_and_once_until_they_look() {
    let mut engine = Engine::new(Limits::default());
    let watchers = ["pods/", "pods/a/", "nodes/"];
    let ids = watchers.map(|prefix| engine.watch(KeyRange::prefix(prefix), 0));
    ids.iter().for_each(|id| drop(engine.take(*id)));
    engine.put(&["pods/a/x", "pods/b/x"]);
    engine.put(&["pods/b/y"]);
    assert_eq!((engine.woken(), engine.activity.busy()), (2, 2));
    assert_eq!(engine.take(ids[0]), "2:pods/a/x+pods/b/x 3:pods/b/y");
    assert_eq!(engine.take(ids[1]), "2:pods/a/x");
    assert_eq!((engine.take(ids[2]), engine.activity.busy()), (String::new(), 0));
}

#[test]
fn history_is_replayed_and_joins_the_present_without_gap_or_double() {
    let mut engine = Engine::new(Limits::default());
    engine.put(&["a"]);
    engine.put(&["b"]);
    engine.put(&["a", "c"]);
    let early = engine.watch(KeyRange::key("a"), 2);
    let late = engine.watch(KeyRange::key("a"), 3);
    let later = engine.watch(KeyRange::key("a"), 6);
    engine.put(&["a"]);
    assert_eq!(engine.take(early), "2:a 4:a 5:a");
    engine.put(&["a"]);
    assert_eq!(engine.take(late), "4:a 5:a 6:a");
    assert_eq!(engine.take(early), "6:a");
    assert_eq!(engine.take(later), "6:a");
}

#[test]
fn one_that_joins_those_at_rest_reads_the_past_they_have_seen() {
    let mut engine = Engine::new(Limits::default());
    let first = engine.watch(KeyRange::key("a"), 0);
    engine.put(&["a"]);
    assert_eq!(engine.take(first), "2:a");
    let second = engine.watch(KeyRange::key("a"), 2);
    assert_eq!(engine.take(second), "2:a");
}

#[test]
fn a_watcher_of_the_future_sleeps_until_then() {
    let mut engine = Engine::new(Limits::default());
    let id = engine.watch(KeyRange::prefix(""), 4);
    assert_eq!(engine.take(id), "");
    engine.put(&["a"]);
    engine.put(&["a"]);
    assert_eq!((engine.woken(), engine.activity.busy()), (0, 0));
    engine.put(&["a"]);
    assert_eq!((engine.woken(), engine.take(id).as_str()), (1, "4:a"));
}

#[test]
fn one_that_is_behind_the_kept_history_is_lost_and_one_that_only_slept_is_not() {
    let limits = Limits { history_events: 4, ..Limits::default() };
    let mut engine = Engine::new(limits);
    let (slow, asleep) = (engine.watch(KeyRange::key("a"), 0), engine.watch(KeyRange::key("z"), 0));
    engine.take(slow);
    engine.take(asleep);
    (0..9).for_each(|_| engine.put(&["a"]));
    assert_eq!(engine.take(slow), "revision 2 is compacted, the oldest is 7");
    engine.put(&["z"]);
    assert_eq!(engine.take(asleep), "11:z");
}

#[test]
fn progress_comes_after_all_that_it_covers() {
    let mut engine = Engine::new(Limits::default());
    let id = engine.watch(KeyRange::key("a"), 0);
    engine.take(id);
    engine.put(&["b"]);
    engine.put(&["a"]);
    engine.hub.demand_progress(&mut Wakers::new());
    assert_eq!(engine.take(id), "3:a 3!");
    engine.put(&["b"]);
    engine.hub.demand_progress(&mut Wakers::new());
    assert_eq!(engine.take(id), "4!");
    let future = engine.watch(KeyRange::key("a"), 9);
    engine.hub.demand_progress(&mut Wakers::new());
    assert_eq!(engine.take(future), "");
}

#[test]
fn removed_watchers_leave_nothing_behind() {
    let mut engine = Engine::new(Limits::default());
    let ids: Vec<_> = (0..5).map(|_| engine.watch(KeyRange::prefix("p"), 0)).collect();
    ids.iter().for_each(|id| drop(engine.take(*id)));
    engine.hub.remove(ids[0]);
    engine.hub.remove(ids[4]);
    engine.put(&["p"]);
    assert_eq!((engine.woken(), engine.activity.busy()), (3, 3));
    ids[1..4].iter().for_each(|id| drop(engine.hub.remove(*id)));
    assert_eq!((engine.activity.busy(), engine.hub.groups.len()), (0, 0));
    assert!(engine.hub.index.get(&KeyRange::prefix("p")).is_none());
}
