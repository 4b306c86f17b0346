//! The stage: plays a plan on an engine in virtual time, and hands the history to the judges.
//!
//! One runtime with one thread and a paused clock per run. Each member has a keeper that starts
//! it, sees it end and starts it again; clients call members, an auditor per member watches
//! everything, and a director brings the plan's faults. When the plan is over all is healed, and
//! the finale asks for what must then be possible.

mod auditor;
mod client;
mod director;
mod finale;
mod inside;
mod keeper;
mod member;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use async_trait::async_trait;
use orchestrator_core::Env;
use orchestrator_core::env::Tasks;
use orchestrator_core::store::Revision;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::coverage::{Coverage, Thing};
use super::disk::SimDisk;
use super::history::{Answer, History, Request, Seen, Stamp};
use super::network::Network;
use super::oracle::{self, Circumstances, Violation};
use super::plan::{Clock, Plan};
use super::trace::Trace;
use crate::operator::Operator;
pub use inside::{Applied, Happening, Inside};
use member::Member;

/// How many members may join during a run.
const MOST_JOINS: usize = 3;

/// An engine that runs can be played on.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Starts a member on whatever its disk holds.
    ///
    /// # Errors
    /// It does not start. Only [`StartError::Corrupt`] may go on for ever, and only where bits of
    /// its disk have changed.
    async fn start(&self, site: Site) -> Result<Arc<dyn Operator>, StartError>;

    /// Whether members are several and find each other over the network.
    fn is_cluster(&self) -> bool {
        false
    }
}

/// Where a member lives, for one life.
#[derive(Clone, Debug)]
pub struct Site {
    /// Which member it is; also its address on the network.
    pub place: usize,
    /// The members that found the cluster.
    pub founders: usize,
    /// Its clock, tasks and chance, for this life.
    pub env: Env,
    /// Its disk.
    pub disk: SimDisk,
    /// The network.
    pub network: Network,
    /// How often it was started before.
    pub life: u32,
    /// Whether it follows without a vote, where it joins.
    pub learner: bool,
    /// Whom an engine may tell what happens inside of it.
    pub inside: Inside,
}

/// Why a member does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its disk holds something that is not what was written.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// Its disk was replaced, and it knows: it must be taken out, and join as a new one.
    #[error("it has lost its data: {0}")]
    Lost(String),
    /// It needs others, who do not answer now.
    #[error("not now: {0}")]
    Later(String),
    /// Anything else: only a disk that fails or is full excuses it.
    #[error("{0}")]
    Other(String),
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The rules that were broken; none is as it should be.
    pub violations: Vec<Violation>,
    /// The number that stands for all that happened.
    pub digest: u64,
    /// How many calls of clients there were, and how many had an answer.
    pub calls: (usize, usize),
    /// The newest revision.
    pub revision: Revision,
    /// What the run exercised.
    pub coverage: Coverage,
    /// The lines of the trace, where they were wanted.
    pub trace: Vec<String>,
}

/// Plays `plan` on `engine` and judges what clients saw.
///
/// # Panics
/// No runtime can be made.
pub fn play(plan: &Plan, engine: &Arc<dyn Engine>, keep_trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread needs nothing");
    let stage = runtime.block_on(async {
        let stage = Arc::new(Stage::new(plan, Arc::clone(engine), keep_trace));
        stage.run(plan).await;
        stage
    });
    // Ends all tasks, whoever holds them.
    drop(runtime);
    stage.outcome()
}

/// What all parts of a run share.
pub(super) struct Stage {
    engine: Arc<dyn Engine>,
    env: Env,
    began: Instant,
    seed: u64,
    clocks: Vec<Clock>,
    founders: usize,
    members: Vec<Arc<Member>>,
    network: Network,
    record: Mutex<Record>,
    /// How many members have joined.
    joined: AtomicUsize,
    /// Whether a member was taken out, or lost its disk: once in a run.
    reduced: AtomicBool,
}

/// What is written down.
struct Record {
    history: History,
    trace: Trace,
    violations: Vec<Violation>,
    coverage: Coverage,
    agreement: inside::Agreement,
}

impl Stage {
    fn new(plan: &Plan, engine: Arc<dyn Engine>, keep_trace: bool) -> Self {
        let env = Env::simulated(plan.seed);
        let began = env.instant();
        let places = if engine.is_cluster() { plan.places + MOST_JOINS } else { plan.places };
        let disk = |place: usize| SimDisk::new(mix(plan.seed, place as u64));
        let members = (0..places).map(|place| Arc::new(Member::new(place, disk(place))));
        let record = Record {
            history: History::default(),
            trace: Trace::new(keep_trace),
            violations: Vec::new(),
            coverage: Coverage::default(),
            agreement: inside::Agreement::default(),
        };
        Self {
            members: members.collect(),
            network: Network::new(env.clone(), plan.seed),
            record: Mutex::new(record),
            seed: plan.seed,
            clocks: plan.clocks.clone(),
            founders: plan.places,
            engine,
            env,
            began,
            joined: AtomicUsize::new(0),
            reduced: AtomicBool::new(false),
        }
    }

    async fn run(self: &Arc<Self>, plan: &Plan) {
        let mut keepers = Tasks::new();
        for member in &self.members {
            let keeper = keeper::keep(Arc::clone(self), Arc::clone(member));
            keepers.push(self.env.spawn("keeper", keeper));
        }
        for member in &self.members[..self.founders] {
            member.found();
        }
        let clients = plan.clients.iter().enumerate().map(|(number, steps)| {
            let client = client::run(Arc::clone(self), number, steps.clone(), plan.lasting);
            self.env.spawn("client", client)
        });
        let clients: Vec<_> = clients.collect();
        let faults = director::run(Arc::clone(self), plan.faults.clone());
        let director = self.env.spawn("director", faults);
        self.env.sleep(plan.lasting).await;
        for client in clients {
            let _ = client.await;
        }
        drop(director);
        finale::run(self, plan.clients.len()).await;
        drop(keepers);
        let alive = self.members.iter().filter(|member| member.life().is_some());
        alive.for_each(|member| member.count_steps(self));
        let digests: Vec<u64> = self.members.iter().map(|member| member.disk.digest()).collect();
        self.note(format_args!("disks {digests:?}"));
    }

    fn outcome(&self) -> Outcome {
        let mut record = self.record.lock();
        let fastest = self.clocks.iter().map(|clock| clock.rate_permille).max().unwrap_or(0);
        let clock_rate_permille = fastest.try_into().unwrap_or(0);
        let mut coverage = std::mem::take(&mut record.coverage);
        coverage.add(&self.network.coverage());
        self.members.iter().for_each(|member| coverage.add(&member.disk.coverage()));
        coverage.saw_many(Thing::Term, record.agreement.terms());
        let mut violations = std::mem::take(&mut record.violations);
        let all_lost = !self.members.iter().any(|member| member.is_expected());
        let circumstances = Circumstances { clock_rate_permille, all_lost };
        violations.extend(oracle::judge(&record.history, circumstances, &mut coverage));
        let answered = |call: &&super::history::Call| !matches!(call.answer, Answer::Unknown);
        let calls = &record.history.calls;
        Outcome {
            violations,
            digest: record.trace.digest(),
            calls: (calls.len(), calls.iter().filter(answered).count()),
            revision: calls
                .iter()
                .filter_map(|call| call.answer.revision())
                .max()
                .unwrap_or_default(),
            coverage,
            trace: record.trace.lines().to_vec(),
        }
    }

    /// The virtual time since the run began.
    fn at(&self) -> Duration {
        self.env.instant().saturating_duration_since(self.began)
    }

    /// Adds a line to the trace.
    fn note(&self, line: std::fmt::Arguments<'_>) {
        let at = self.at().as_millis();
        self.record.lock().trace.add(format_args!("{at:>6} {line}"));
    }

    fn violation(&self, rule: &'static str, detail: String) {
        self.note(format_args!("VIOLATION {rule}: {detail}"));
        self.record.lock().violations.push(Violation { rule, detail });
    }

    fn saw(&self, thing: Thing) {
        self.record.lock().coverage.saw(thing);
    }

    fn begin(&self, client: usize, place: usize, request: Request) -> usize {
        let at = self.at();
        self.record.lock().history.begin(client, place, request, at)
    }

    fn end(&self, call: usize, answer: Answer) {
        let at = self.at();
        self.record.lock().history.end(call, answer, at);
    }

    fn item(&self, watch: usize, item: Seen) {
        let at = self.at();
        let thing = match item {
            Seen::Events(..) => Thing::Delivered,
            Seen::Progress(_) => Thing::Progress,
        };
        let mut record = self.record.lock();
        record.coverage.saw(thing);
        record.history.item(watch, item, at);
    }

    fn stamp(&self) -> Stamp {
        let at = self.at();
        self.record.lock().history.stamp(at)
    }
}

/// A seed for a part of a run.
fn mix(seed: u64, part: u64) -> u64 {
    (seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd134_2543_de82_ef95)
}
