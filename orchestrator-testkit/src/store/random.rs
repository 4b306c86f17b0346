//! Random requests, played on a store and on the model.

use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use orchestrator_core::Env;
use orchestrator_core::store::{
    KeyRange, LeaseInfo, LeaseOp, Op, Range, Revision, Store, StoreError, Target, Txn,
    WatchRequest, WatchStream,
};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

use super::Home;
use super::calls::next;
use super::generate::{steps, steps_with_reopening};
use super::model::Model;
use super::observer::Observer;

/// How many random runs a test makes.
const RUNS: u32 = 128;

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
    /// The store is closed and opened again; all watches go on where they stopped.
    Reopen,
}

/// Plays 128 random runs, each on a new store from `make`.
///
/// The store must live on tokio's clock, which stands still unless all wait.
///
/// # Panics
/// The store and the model disagree; the message carries the shortest run that shows it.
pub fn agrees_with_the_model(make: impl Fn() -> Arc<dyn Store>) {
    let make = &make;
    run_random(RUNS, steps(), async |steps| play(make(), &steps).await);
}

/// Plays `runs` random runs, each on a new store from `open`, which takes a moment to open.
///
/// # Panics
/// The store and the model disagree; the message carries the shortest run that shows it.
pub fn agrees_with_the_model_opened(runs: u32, open: impl AsyncFn() -> Arc<dyn Store>) {
    let open = &open;
    run_random(runs, steps(), async |steps| play(open().await, &steps).await);
}

/// Plays random runs, each on the store in a new home, which is now and then closed and opened.
///
/// # Panics
/// The store and the model disagree; the message carries the shortest run that shows it.
pub fn agrees_with_the_model_across_reopening<H: Home>(make: impl Fn() -> H) {
    let make = &make;
    run_random(RUNS / 2, steps_with_reopening(), async |steps| play_at(&mut make(), &steps).await);
}

/// Runs `play` with random steps, each time on a clock of its own that stands still unless all
/// wait.
fn run_random(runs: u32, steps: impl Strategy<Value = Vec<Step>>, play: impl AsyncFn(Vec<Step>)) {
    let config = Config { cases: runs, failure_persistence: None, ..Config::default() };
    let runs = TestRunner::new(config).run(&steps, |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime with only a clock");
        runtime.block_on(play(steps));
        Ok(())
    });
    if let Err(difference) = runs {
        panic!("{difference}");
    }
}

/// Plays `steps` on a new `store` and on a new model.
///
/// # Panics
/// They disagree, or the steps close the store.
pub async fn play(store: Arc<dyn Store>, steps: &[Step]) {
    play_at(&mut Nowhere(Some(store)), steps).await;
}

/// Plays `steps` on the new store in `home` and on a new model.
///
/// # Panics
/// They disagree.
pub async fn play_at(home: &mut dyn Home, steps: &[Step]) {
    let env = Env::system();
    let store = home.open().await;
    let mut run =
        Run { store, start: env.instant(), env, model: Model::default(), watches: vec![] };
    for step in steps {
        run = match step {
            Step::Reopen => run.reopen(home).await,
            step => {
                run.step(step).await;
                run
            }
        };
    }
    for watch in 0..run.watches.len() {
        run.drain(watch).await;
    }
}

/// The home of a store that is opened once.
struct Nowhere(Option<Arc<dyn Store>>);

#[async_trait]
impl Home for Nowhere {
    async fn open(&mut self) -> Arc<dyn Store> {
        self.0.take().expect("this store cannot be opened again")
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
                same_leases(self.store.lease(op).await, wanted);
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
            Step::Drain(_) | Step::Resume(_) | Step::Reopen => {}
        }
        let status = self.store.status().await.expect("a status");
        let wanted = (self.model.revision(), self.model.floor());
        assert_eq!((status.revision, status.compacted), wanted, "after {step:?}");
    }

    /// Closes the store and opens it again.
    async fn reopen(self, home: &mut dyn Home) -> Self {
        let Self { store, env, start, model, watches } = self;
        drop(store);
        let observers: Vec<_> = watches.into_iter().map(|(_, observer)| observer).collect();
        let store = home.open().await;
        let mut run = Self { store, env, start, model, watches: vec![] };
        for observer in observers {
            run.start_watch(observer.keys().clone(), observer.resume_from()).await;
        }
        run
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

/// How much later than the model a store may count the time of a lease, for it takes time to write.
const DELAY: Duration = Duration::from_millis(400);

/// Both told of the same leases, the time left aside, which may differ by the time of a write.
fn same_leases(
    given: Result<Vec<LeaseInfo>, StoreError>,
    wanted: Result<Vec<LeaseInfo>, StoreError>,
) {
    let times = |leases: &Result<Vec<LeaseInfo>, StoreError>| -> Vec<Duration> {
        leases.iter().flatten().map(|lease| lease.remaining).collect()
    };
    for (given, wanted) in times(&given).into_iter().zip(times(&wanted)) {
        assert!(given.abs_diff(wanted) < DELAY, "{given:?} are left instead of {wanted:?}");
    }
    let without = |leases: Result<Vec<LeaseInfo>, StoreError>| {
        let untimed = |lease| LeaseInfo { remaining: Duration::ZERO, ..lease };
        leases.map(|leases| leases.into_iter().map(untimed).collect::<Vec<_>>())
    };
    same(&without(given), &without(wanted));
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
