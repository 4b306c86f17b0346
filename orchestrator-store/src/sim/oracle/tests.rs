use std::time::Duration;

use orchestrator_core::Value;
use orchestrator_core::store::{
    Key, KeyRange, LeaseOp, Op, Put, Range, Revision, StoreError, Txn, WatchUpdate,
};

use super::*;
use crate::mvcc::{Limits, Mvcc};
use crate::sim::coverage::{Coverage, Thing};
use crate::sim::history::{Answer, Request, Seen};

/// A true history, made on a state machine, which each test then bends.
struct Script {
    machine: Mvcc,
    history: History,
    at: Duration,
}

impl Script {
    fn new() -> Self {
        let mut history = History::default();
        let watch = history.watch(0, KeyRange::prefix(""), Revision::new(2), Duration::ZERO);
        history.watches[watch].auditor = true;
        Self { machine: Mvcc::new(Limits::default()), history, at: Duration::ZERO }
    }

    fn txn(&mut self, txn: Txn) -> usize {
        let call = self.history.begin(0, 0, Request::Txn(txn.clone()), self.at);
        let done = self.machine.txn(txn).unwrap();
        self.audit();
        self.history.end(call, Answer::Txn(done), self.at);
        call
    }

    fn put(&mut self, key: &str, value: &str) -> usize {
        self.leased(key, value, 0)
    }

    fn leased(&mut self, key: &str, value: &str, lease: i64) -> usize {
        let value = Some(Value::from_bytes(value.as_bytes().to_vec()));
        let put = Put { key: Key::from(key), value, lease: Some(lease) };
        self.txn(Txn { then: vec![Op::Put(put)], ..Txn::default() })
    }

    fn read(&mut self, key: &str) -> usize {
        let range = Range::new(KeyRange::key(key));
        let call = self.history.begin(1, 0, Request::Range(range.clone()), self.at);
        let found = self.machine.range(&range).unwrap();
        self.history.end(call, Answer::Range(found), self.at);
        call
    }

    fn lease(&mut self, op: LeaseOp) {
        let call = self.history.begin(0, 0, Request::Lease(op.clone()), self.at);
        let answer = self.machine.lease(op, self.at).unwrap();
        self.audit();
        self.history.end(call, Answer::Lease(answer), self.at);
    }

    fn expire(&mut self, at: Duration) {
        self.machine.expire(at).unwrap();
        self.audit();
    }

    /// Gives the newest revision to the watch of everything.
    fn audit(&mut self) {
        let revision = self.machine.revision();
        let given = self.history.watches[0].items.last().map(|(_, item)| item.revision());
        if let Some(events) = self.machine.events(revision)
            && given < Some(revision)
        {
            let update = WatchUpdate::Events { revision, events: events.clone() };
            self.history.item(0, Seen::from(update), self.at);
        }
    }

    /// The rules that are broken.
    fn broken(&self) -> Vec<&'static str> {
        let told = judge(&self.history, Circumstances::default(), &mut Coverage::default());
        told.into_iter().map(|violation| violation.rule).collect()
    }

    fn bend(&mut self, bend: impl FnOnce(&mut History)) -> Vec<&'static str> {
        bend(&mut self.history);
        self.broken()
    }
}

fn script() -> Script {
    let mut script = Script::new();
    script.put("k/a", "1");
    script.put("k/a", "2");
    script.read("k/a");
    script.txn(Txn { then: vec![Op::Delete(KeyRange::prefix("k/"))], ..Txn::default() });
    script.read("k/a");
    script
}

#[test]
fn a_true_history_breaks_no_rule() {
    assert_eq!(script().broken(), [""; 0]);
}

#[test]
fn an_answer_that_no_watch_confirms_is_a_lost_write() {
    let broken = script().bend(|history| history.watches[0].items.truncate(1));
    assert_eq!(broken, ["lost"]);
}

#[test]
fn a_read_of_something_old_is_stale_and_has_no_explanation() {
    let mut script = script();
    let old = script.history.calls[2].answer.clone();
    assert_eq!(script.bend(|history| history.calls[4].answer = old), ["stale"]);
    // Where revisions lie, too, the checker of registers finds it.
    let mut findings = Findings::default();
    linear::check(&script.history, &mut findings, &mut Coverage::default());
    assert_eq!(findings.told[0].rule, "linearizability");
}

/// What the search over all keys says of a history, and what it counts.
fn whole(script: &Script) -> (Option<&'static str>, [u64; 2]) {
    let (mut findings, mut coverage) = (Findings::default(), Coverage::default());
    whole::check(&script.history, &mut findings, &mut coverage);
    let counted = [Thing::RunOrdered, Thing::RunGivenUp].map(|thing| coverage.count(thing));
    (findings.told.first().map(|told| told.rule), counted)
}

#[test]
fn a_list_that_mixes_two_moments_is_found_where_each_key_alone_is_in_order() {
    let mut script = Script::new();
    script.put("k/a", "1");
    script.put("k/b", "1");
    // A reader that begins here and ends after both of the next writes.
    let range = Range::new(KeyRange::prefix("k/"));
    let call = script.history.begin(1, 0, Request::Range(range.clone()), script.at);
    let before = script.machine.range(&range).unwrap();
    script.put("k/a", "2");
    script.put("k/b", "2");
    let mut mixed = script.machine.range(&range).unwrap();
    mixed.kvs[0] = before.kvs[0].clone();
    script.history.end(call, Answer::Range(mixed), script.at);
    assert_eq!(whole(&script), (Some("linearizability of all keys"), [0, 0]));
    let mut findings = Findings::default();
    linear::check(&script.history, &mut findings, &mut Coverage::default());
    assert!(findings.told.is_empty());
    script.history.end(call, Answer::Range(before), script.at);
    assert_eq!(whole(&script), (None, [1, 0]));
}

#[test]
fn a_write_without_an_answer_happened_before_it_was_seen_or_never() {
    let mut script = Script::new();
    script.put("k/a", "1");
    let lost = script.put("k/a", "2");
    script.history.calls[lost].answer = Answer::Unknown;
    script.history.calls[lost].ended.order = u64::MAX;
    assert_eq!(whole(&script), (None, [1, 0]));
    script.read("k/a");
    assert_eq!(whole(&script), (None, [1, 0]));
    // Seen, gone, and seen again.
    let first = script.read("k/a");
    let Answer::Range(found) = &mut script.history.calls[first].answer else { panic!("a read") };
    found.kvs.clear();
    assert_eq!(whole(&script).0, Some("linearizability of all keys"));
}

#[test]
fn a_wrong_value_at_a_right_revision_is_no_answer() {
    let broken = script().bend(|history| {
        let Answer::Range(found) = &mut history.calls[2].answer else { panic!("a read") };
        found.kvs.clear();
    });
    assert_eq!(broken, ["answer"]);
}

#[test]
fn a_refused_write_must_not_happen() {
    let broken = script().bend(|history| {
        let why = StoreError::Unavailable("no".into());
        history.calls[0].answer = Answer::Refused(why.into());
    });
    assert_eq!(broken, ["refused"]);
}

#[test]
fn an_unknown_write_may_happen_or_not() {
    let mut script = script();
    assert_eq!(script.bend(|history| history.calls[3].answer = Answer::Unknown), [""; 0]);
    let unseen = Txn { then: vec![Op::Delete(KeyRange::prefix("k/"))], ..Txn::default() };
    script.history.begin(0, 0, Request::Txn(unseen), Duration::ZERO);
    assert_eq!(script.broken(), [""; 0]);
}

#[test]
fn members_that_tell_different_things_disagree() {
    let mut script = script();
    let broken = script.bend(|history| {
        let mut other = history.watches[0].clone();
        other.items[0] = match (&other.items[0], &other.items[1]) {
            ((stamp, Seen::Events(revision, _)), (_, Seen::Events(_, events))) => {
                (*stamp, Seen::Events(*revision, events.clone()))
            }
            _ => panic!("two commits"),
        };
        history.watches.push(other);
    });
    assert_eq!(broken[0], "agreement");
}

#[test]
fn watches_owe_order_completeness_wholeness_and_true_progress() {
    let watch = |bend: fn(&mut Vec<(crate::sim::history::Stamp, Seen)>)| {
        let mut script = script();
        let two = ["k/x", "k/y"]
            .map(|key| Op::Put(Put::new(key, Value::from_bytes(key.as_bytes().to_vec()))));
        script.txn(Txn { then: two.to_vec(), ..Txn::default() });
        script.bend(|history| {
            let mut watched = history.watches[0].clone();
            watched.auditor = false;
            bend(&mut watched.items);
            history.watches.push(watched);
        })
    };
    assert_eq!(watch(|_| {}), [""; 0]);
    assert_eq!(watch(|items| items.swap(0, 1))[..2], ["watch reliable", "watch order"]);
    assert_eq!(watch(|items| items.push(items[3].clone())), ["watch order"]);
    assert_eq!(watch(|items| drop(items.remove(1))), ["watch reliable"]);
    assert_eq!(watch(|items| items[3].1 = half(&items[3].1)), ["watch atomic"]);
    assert_eq!(watch(|items| items[2].1 = Seen::Progress(Revision::new(4))), ["watch progress"]);
    assert_eq!(watch(|items| items[3].1 = Seen::Progress(Revision::new(9)))[0], "watch progress");
}

fn half(item: &Seen) -> Seen {
    let Seen::Events(revision, events) = item else { panic!("a commit") };
    Seen::Events(*revision, events[..1].to_vec().into())
}

#[test]
fn a_lease_must_not_end_early_nor_be_forgotten() {
    let second = Duration::from_secs(1);
    let ends = |at: Duration| {
        let mut script = Script::new();
        script.lease(LeaseOp::Grant { id: 7, ttl: 3 * second });
        script.leased("lease/a", "1", 7);
        script.at = second;
        script.lease(LeaseOp::KeepAlive(7));
        script.at = at;
        script.expire(at.max(4 * second));
        script
    };
    assert_eq!(ends(4 * second).broken(), [""; 0]);
    assert_eq!(ends(Duration::from_millis(3900)).broken(), ["lease early"]);
    let mut forgotten = ends(4 * second);
    let why = StoreError::LeaseNotFound(7);
    assert_eq!(
        forgotten.bend(|history| history.calls[2].answer = Answer::Refused(why.into())),
        ["lease lost"]
    );
}
