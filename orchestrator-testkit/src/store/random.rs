//! Random requests, played on a store and on the model.
//!
//! Requests name revisions as distances from the newest one, so that most of them hit something.
//! Leases live for half seconds and time goes in whole ones, so that no lease ends in the same
//! moment in which it is asked about.

use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use orchestrator_core::store::{
    Compare, Key, KeyRange, LeaseId, LeaseOp, Op, Put, Range, Relation, Revision, Store,
    StoreError, Target, Txn, WatchRequest, WatchStream,
};
use orchestrator_core::{Env, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::test_runner::{Config, TestRunner};

use super::calls::next;
use super::model::Model;
use super::observer::Observer;

/// How many random runs a test makes.
const RUNS: u32 = 256;

/// The most requests of a run.
const MAX_STEPS: usize = 60;

/// How long an idle watch waits before it tells of progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// One request. A revision `n` in it stands for the newest revision plus 2 minus `n`; zero stays
/// zero.
#[derive(Clone, Debug)]
pub enum Step {
    /// A transaction.
    Txn(Txn),
    /// A read.
    Range(Range),
    /// A compaction; all watches are read up to the present before.
    Compact(Revision),
    /// A request about leases.
    Lease(LeaseOp),
    /// Time passes.
    Wait(Duration),
    /// A new watch.
    Watch(KeyRange, Revision),
    /// A watch is read until it owes nothing.
    Drain(usize),
    /// A watch is dropped and a new one goes on where it stopped.
    Resume(usize),
}

/// Plays 256 random runs, each on a new store from `make`.
///
/// The store must live on tokio's clock, which stands still unless all wait.
///
/// # Panics
/// The store and the model disagree; the message carries the shortest run that shows it.
pub fn agrees_with_the_model(make: impl Fn() -> Arc<dyn Store>) {
    let config = Config { cases: RUNS, failure_persistence: None, ..Config::default() };
    let runs = TestRunner::new(config).run(&steps(), |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime with only a clock");
        runtime.block_on(async { play(make(), &steps).await });
        Ok(())
    });
    if let Err(difference) = runs {
        panic!("{difference}");
    }
}

/// Plays `steps` on a new `store` and on a new model.
///
/// # Panics
/// They disagree.
pub async fn play(store: Arc<dyn Store>, steps: &[Step]) {
    let env = Env::system();
    let mut run =
        Run { store, start: env.instant(), env, model: Model::default(), watches: vec![] };
    for step in steps {
        run.step(step).await;
    }
    for watch in 0..run.watches.len() {
        run.drain(watch).await;
    }
}

struct Run {
    store: Arc<dyn Store>,
    env: Env,
    start: tokio::time::Instant,
    model: Model,
    watches: Vec<(WatchStream, Observer)>,
}

impl Run {
    fn now(&self) -> Duration {
        self.env.instant() - self.start
    }

    async fn step(&mut self, step: &Step) {
        match step.clone() {
            Step::Txn(mut txn) => {
                self.resolve_txn(&mut txn);
                let wanted = self.model.txn(&txn);
                same(&self.store.txn(txn).await, &wanted);
            }
            Step::Range(mut range) => {
                range.revision = self.resolve(range.revision);
                let wanted = self.model.range(&range);
                same(&self.store.range(range).await, &wanted);
            }
            Step::Compact(revision) => {
                let revision = self.resolve(revision);
                for watch in 0..self.watches.len() {
                    self.drain(watch).await;
                }
                let wanted = self.model.compact(revision);
                same(&self.store.compact(revision).await, &wanted);
            }
            Step::Lease(op) => {
                let wanted = self.model.lease(&op, self.now());
                same(&self.store.lease(op).await, &wanted);
            }
            Step::Wait(time) => {
                self.env.sleep(time).await;
                self.model.expire(self.now());
            }
            Step::Watch(keys, from) => self.watch(keys, from).await,
            Step::Drain(watch) if !self.watches.is_empty() => {
                self.drain(watch % self.watches.len()).await;
            }
            Step::Resume(watch) if !self.watches.is_empty() => {
                let index = watch % self.watches.len();
                let (_, observer) = self.watches.swap_remove(index);
                let keys = observer.keys().clone();
                self.start_watch(keys, observer.resume_from()).await;
            }
            Step::Drain(_) | Step::Resume(_) => {}
        }
        let status = self.store.status().await.expect("a status");
        let wanted = (self.model.revision(), self.model.floor());
        assert_eq!((status.revision, status.compacted), wanted, "after {step:?}");
    }

    async fn watch(&mut self, keys: KeyRange, from: Revision) {
        let from = match self.resolve(from) {
            Revision::ZERO => self.model.revision().next(),
            // Whether the floor's own changes are kept with what they replaced is not a rule.
            from if from == self.model.floor() => from.next(),
            from => from,
        };
        self.start_watch(keys, from).await;
    }

    async fn start_watch(&mut self, keys: KeyRange, from: Revision) {
        let request = WatchRequest::new(keys.clone(), from).with_progress(PROGRESS);
        match self.store.watch(request).await {
            Ok(stream) => {
                assert!(from >= self.model.floor(), "a watch from a compacted revision starts");
                self.watches.push((stream, Observer::new(keys, from)));
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Compacted { .. }), "{error}");
                assert!(from < self.model.floor(), "a watch from a kept revision is refused");
            }
        }
    }

    async fn drain(&mut self, watch: usize) {
        let (stream, observer) = &mut self.watches[watch];
        while observer.owed(&self.model) > 0 {
            let update = next(stream).await.expect("a watch that is not behind goes on");
            observer.observe(&update, &self.model);
        }
        // Whatever else is there already must not be a change.
        while let Some(more) = stream.next().now_or_never() {
            let update = more.expect("no end").expect("no error");
            observer.observe(&update, &self.model);
        }
    }

    fn resolve(&self, revision: Revision) -> Revision {
        match revision {
            Revision::ZERO => Revision::ZERO,
            back => {
                Revision::new((self.model.revision().get() + 2).saturating_sub(back.get()).max(1))
            }
        }
    }

    fn resolve_txn(&self, txn: &mut Txn) {
        for compare in &mut txn.compare {
            match &mut compare.target {
                Target::ModRevision(revision) | Target::CreateRevision(revision) => {
                    *revision = self.resolve(*revision);
                }
                _ => {}
            }
        }
        for op in txn.then.iter_mut().chain(&mut txn.otherwise) {
            match op {
                Op::Range(range) => range.revision = self.resolve(range.revision),
                Op::Txn(inner) => self.resolve_txn(inner),
                _ => {}
            }
        }
    }
}

/// Both answered the same, or both failed in the same way.
fn same<T: PartialEq + std::fmt::Debug>(
    given: &Result<T, StoreError>,
    wanted: &Result<T, StoreError>,
) {
    let equal = match (given, wanted) {
        (Ok(given), Ok(wanted)) => given == wanted,
        (Err(given), Err(wanted)) => discriminant(given) == discriminant(wanted),
        _ => false,
    };
    assert!(equal, "the store answered\n  {given:?}\ninstead of\n  {wanted:?}");
}

/// Random runs.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seconds = |range: std::ops::Range<u64>| range.prop_map(Duration::from_secs);
    let step = prop_oneof![
        5 => put().prop_map(|put| Step::Txn(Txn { then: vec![Op::Put(put)], ..Txn::default() })),
        5 => txn().prop_map(Step::Txn),
        3 => range().prop_map(Step::Range),
        1 => (1..12_u64).prop_map(|back| Step::Compact(Revision::new(back))),
        3 => lease_op().prop_map(Step::Lease),
        2 => seconds(1..4).prop_map(Step::Wait),
        3 => (watched(), revision()).prop_map(|(keys, from)| Step::Watch(keys, from)),
        2 => any::<usize>().prop_map(Step::Drain),
        1 => any::<usize>().prop_map(Step::Resume),
    ];
    vec(step, 1..MAX_STEPS)
}

/// Few keys, so that requests meet.
fn key() -> impl Strategy<Value = Key> {
    "[ab]{1,2}".prop_map(Key::from)
}

fn key_range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        key().prop_map(KeyRange::key),
        "[ab]{0,1}".prop_map(KeyRange::prefix),
        (key(), key()).prop_map(|(start, end)| KeyRange { start, end: Some(end) }),
        key().prop_map(|start| KeyRange { start, end: Some(Key::from("\0")) }),
    ]
}

/// Fewer ranges than that for watches, so that several watch the same.
fn watched() -> impl Strategy<Value = KeyRange> {
    let some = KeyRange { start: Key::from("ab"), end: Some(Key::from("b\0")) };
    let ranges = [KeyRange::prefix(""), KeyRange::prefix("a"), KeyRange::key("a"), some];
    Union::new(ranges.map(Just))
}

fn revision() -> impl Strategy<Value = Revision> {
    prop_oneof![2 => Just(0), 3 => 1..9_u64].prop_map(Revision::new)
}

fn value() -> impl Strategy<Value = Value> {
    "[xyz]{0,1}".prop_map(|text| Value::from_bytes(text.into_bytes()))
}

fn lease_id() -> impl Strategy<Value = LeaseId> {
    1..3_i64
}

fn range() -> impl Strategy<Value = Range> {
    (key_range(), revision(), 0..4_usize, any::<bool>())
        .prop_map(|(keys, revision, limit, count_only)| Range { keys, revision, limit, count_only })
}

fn put() -> impl Strategy<Value = Put> {
    let lease = prop_oneof![
        6 => Just(Some(0)),
        2 => lease_id().prop_map(Some),
        1 => Just(None),
    ];
    let value = prop_oneof![6 => value().prop_map(Some), 1 => Just(None)];
    (key(), value, lease).prop_map(|(key, value, lease)| Put { key, value, lease })
}

fn compare() -> impl Strategy<Value = Compare> {
    let target = prop_oneof![
        (0..3_u64).prop_map(Target::Version),
        revision().prop_map(Target::CreateRevision),
        revision().prop_map(Target::ModRevision),
        value().prop_map(Target::Value),
        (0..3_i64).prop_map(Target::Lease),
    ];
    let relations = [Relation::Equal, Relation::NotEqual, Relation::Greater, Relation::Less];
    (key_range(), target, Union::new(relations.map(Just)))
        .prop_map(|(keys, target, relation)| Compare { keys, target, relation })
}

fn txn() -> impl Strategy<Value = Txn> {
    let plain = prop_oneof![
        2 => range().prop_map(Op::Range),
        5 => put().prop_map(Op::Put),
        2 => key_range().prop_map(Op::Delete),
    ];
    let of = |op: BoxedStrategy<Op>| {
        (vec(compare(), 0..2), vec(op.clone(), 0..4), vec(op, 0..3))
            .prop_map(|(compare, then, otherwise)| Txn { compare, then, otherwise })
    };
    let nested = plain.prop_recursive(2, 8, 3, move |inner| {
        of(inner).prop_map(|txn| Op::Txn(Box::new(txn))).boxed()
    });
    of(nested.boxed())
}

fn lease_op() -> impl Strategy<Value = LeaseOp> {
    let ttl = (0..8_u64).prop_map(|half| Duration::from_millis(1500 + 1000 * half));
    prop_oneof![
        6 => (lease_id(), ttl).prop_map(|(id, ttl)| LeaseOp::Grant { id, ttl }),
        1 => lease_id().prop_map(LeaseOp::KeepAlive),
        1 => lease_id().prop_map(LeaseOp::Revoke),
        1 => lease_id().prop_map(LeaseOp::Describe),
        1 => Just(LeaseOp::List),
    ]
}
