use super::*;
use crate::mvcc::Limits;
use orchestrator_core::store::{Op, Put, Txn, WatchUpdate};
use orchestrator_core::value::Value;
use proptest::prelude::*;
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

    /// Writes without telling anybody.
    fn write(&mut self, keys: &[&str]) -> Revision {
        let put = |key: &&str| Op::Put(Put::new(*key, Value::from_bytes("v")));
        let txn = Txn { then: keys.iter().map(put).collect(), ..Txn::default() };
        self.mvcc.txn(txn).unwrap().revision
    }

    fn put(&mut self, keys: &[&str]) {
        let revision = self.write(keys);
        let mut wakers = Wakers::new();
        let commit = self.mvcc.events(revision).unwrap();
        self.hub.publish(revision, commit, self.mvcc.floor(), &mut wakers);
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
            match self.hub.look(id, &self.mvcc, false, &waker) {
                Look::Updates(updates) => shown.extend(updates.map(show)),
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

    fn leave(&mut self, id: WatcherId) {
        drop(self.hub.remove(id, self.mvcc.revision()));
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
fn one_that_never_looks_keeps_little_more_than_the_history() {
    let limits = Limits { history_events: 10, ..Limits::default() };
    let mut engine = Engine::new(limits);
    let id = engine.watch(KeyRange::prefix(""), 0);
    engine.take(id);
    (0..3 * SWEEP_EVERY).for_each(|_| engine.put(&["a"]));
    let (_, group) = engine.hub.groups.iter().next().unwrap();
    assert!(group.known_from().get() + 2 * SWEEP_EVERY > engine.mvcc.revision().get());
    assert_eq!(engine.woken(), 1);
    assert!(engine.take(id).starts_with("revision "), "it is told that it has missed something");
}

#[cfg(feature = "raft")]
#[test]
fn what_was_missed_in_a_jump_is_read_from_the_log() {
    let mut engine = Engine::new(Limits::default());
    let [idle, behind, other] = ["a", "a", "z"].map(|key| engine.watch(KeyRange::prefix(key), 0));
    let [soon, late] = [6, 9].map(|from| engine.watch(KeyRange::prefix("a"), from));
    let all = [idle, behind, other, soon, late];
    all.iter().for_each(|id| drop(engine.take(*id)));
    engine.put(&["a"]);
    assert_eq!((engine.woken(), engine.take(idle).as_str()), (2, "2:a"));
    for keys in [&["a"][..], &["b"], &["z"], &["a", "b"]] {
        engine.write(keys);
    }
    let mut wakers = Wakers::new();
    engine.hub.jump(Revision::new(2), engine.mvcc.revision(), &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    // All but the one that is behind anyway and the one that waits for later.
    assert_eq!(engine.woken(), 3);
    let taken = all.map(|id| engine.take(id));
    assert_eq!(taken, ["3:a 6:a", "2:a 3:a 6:a", "5:z", "6:a", ""]);
    assert_eq!(engine.activity.busy(), 0);
}

#[test]
fn progress_comes_after_all_that_it_covers() {
    let mut engine = Engine::new(Limits::default());
    let id = engine.watch(KeyRange::key("a"), 0);
    engine.take(id);
    engine.put(&["b"]);
    engine.put(&["a"]);
    engine.hub.demand_progress(&[], &mut Wakers::new());
    assert_eq!(engine.take(id), "3:a 3!");
    engine.put(&["b"]);
    let other = [KeyRange::key("b")];
    engine.hub.demand_progress(&other, &mut Wakers::new());
    assert_eq!(engine.take(id), "", "others asked");
    engine.hub.demand_progress(&[KeyRange::key("a")], &mut Wakers::new());
    assert_eq!(engine.take(id), "4!");
    let future = engine.watch(KeyRange::key("a"), 9);
    engine.hub.demand_progress(&[], &mut Wakers::new());
    assert_eq!(engine.take(future), "");
}

#[test]
fn removed_watchers_leave_nothing_behind() {
    let mut engine = Engine::new(Limits::default());
    let ids: Vec<_> = (0..5).map(|_| engine.watch(KeyRange::prefix("p"), 0)).collect();
    ids.iter().for_each(|id| drop(engine.take(*id)));
    engine.leave(ids[0]);
    engine.leave(ids[4]);
    engine.put(&["p"]);
    assert_eq!((engine.woken(), engine.activity.busy()), (3, 1));
    ids[1..4].iter().for_each(|id| engine.leave(*id));
    assert_eq!((engine.activity.busy(), engine.hub.groups.len()), (0, 0));
    assert!(engine.hub.index.get(&KeyRange::prefix("p")).is_none());
}

/// What a step of a random run does.
#[derive(Clone, Debug)]
enum Step {
    Put(Vec<&'static str>),
    Join(usize, u64),
    Take(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || proptest::sample::select(vec!["a", "ab", "b"]);
    prop_oneof![
        6 => proptest::collection::btree_set(key(), 1..3)
            .prop_map(|keys| Step::Put(keys.into_iter().collect())),
        2 => (0..3_usize, 0..6_u64).prop_map(|(keys, back)| Step::Join(keys, back)),
        4 => any::<usize>().prop_map(Step::Take),
        1 => any::<usize>().prop_map(Step::Leave),
    ]
}

/// What a watcher of `keys` from `from` on must see, as [`Engine::take`] shows it.
fn owed(commits: &[(u64, Vec<&str>)], keys: &KeyRange, from: u64) -> String {
    let mut shown = Vec::new();
    for (revision, changed) in commits.iter().filter(|(revision, _)| *revision >= from) {
        let seen = changed.iter().filter(|key| keys.contains(key.as_bytes())).copied();
        let seen = seen.collect::<Vec<_>>().join("+");
        if !seen.is_empty() {
            shown.push(format!("{revision}:{seen}"));
        }
    }
    shown.join(" ")
}

proptest! {
    /// With a short history, a watcher has seen every change since it joined, or it is told.
    #[test]
    fn a_watcher_misses_nothing_without_being_told(steps in proptest::collection::vec(step(), 1..80)) {
        let limits = Limits { history_events: 5, ..Limits::default() };
        let mut engine = Engine::new(limits);
        let mut commits: Vec<(u64, Vec<&str>)> = Vec::new();
        let mut watchers: Vec<(WatcherId, KeyRange, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Put(keys) => {
                    engine.put(&keys);
                    commits.push((engine.mvcc.revision().get(), keys));
                }
                Step::Join(keys, back) => {
                    let keys = [KeyRange::key("a"), KeyRange::prefix("a"), KeyRange::prefix("")]
                        [keys].clone();
                    let newest = engine.mvcc.revision().get();
                    let from = (newest + 2).saturating_sub(back).max(engine.mvcc.floor().get());
                    watchers.push((engine.watch(keys.clone(), from), keys, from));
                }
                Step::Take(index) if !watchers.is_empty() => {
                    let index = index % watchers.len();
                    let (id, keys, from) = watchers[index].clone();
                    let taken = engine.take(id);
                    let floor = engine.mvcc.floor().get();
                    if taken.ends_with(&format!("the oldest is {floor}")) {
                        prop_assert!(from < floor, "lost although all is kept: {taken}");
                        engine.leave(id);
                        watchers.swap_remove(index);
                    } else {
                        prop_assert_eq!(taken, owed(&commits, &keys, from));
                        watchers[index].2 = from.max(engine.mvcc.revision().get() + 1);
                    }
                }
                Step::Leave(index) if !watchers.is_empty() => {
                    let (id, ..) = watchers.swap_remove(index % watchers.len());
                    engine.leave(id);
                }
                Step::Take(_) | Step::Leave(_) => {}
            }
        }
        watchers.iter().for_each(|(id, ..)| engine.leave(*id));
        prop_assert_eq!((engine.activity.busy(), engine.hub.groups.len()), (0, 0));
    }
}
