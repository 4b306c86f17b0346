//! One member: its disk, its present life, and what was planned for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::store::Revision;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Stage, StartError};
use crate::operator::Operator;
use crate::sim::coverage::Thing;
use crate::sim::disk::SimDisk;
use crate::sim::machine::Machine;

/// One member of a run, up or down.
pub(super) struct Member {
    pub(super) place: usize,
    pub(super) disk: SimDisk,
    state: Mutex<State>,
    /// Wakes whoever waits for a change of state, in the order of waiting.
    changed: Notify,
}

struct State {
    life: Option<Arc<Life>>,
    /// What the present life runs on, also while it starts.
    machine: Option<Arc<Machine>>,
    /// How long until the next start; `None` while nobody asked for one.
    start_after: Option<Duration>,
    /// How the present life is to end.
    end: Option<End>,
    /// The first revision that the auditor has not been given.
    audited: Revision,
    /// A bit of the disk has changed, so that the member may refuse to start for good.
    rotten: bool,
    /// It refuses to start for good, and may.
    lost: bool,
    standing: Standing,
    /// It lost its disk, and may refuse to start.
    amnesiac: bool,
    learner: bool,
    /// After how many answers the power fails, and for how long.
    crash_at_answer: Option<(u32, Duration)>,
    /// How long to stay down when the disk ends the life.
    down: Duration,
    /// How often the disk had failed when the present life began; also, how often it had been full.
    failures: [u64; 2],
}

/// Whether a member is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Not yet.
    Outside,
    /// It is, and must work once everything is healed.
    Inside,
    /// It was taken out, or may have been.
    Retired,
}

/// How a life ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Crash,
    Kill,
}

/// One life of a member, from its start to its end.
pub(super) struct Life {
    pub(super) store: Arc<dyn Operator>,
    /// Where it runs: what is asked of it does not go on while it is stopped.
    pub(super) env: Env,
    over: AtomicBool,
    ended: Notify,
}

impl Life {
    /// Waits for the end.
    pub(super) async fn ended(&self) {
        let ended = self.ended.notified();
        let mut ended = std::pin::pin!(ended);
        ended.as_mut().enable();
        if !self.over.load(Ordering::Relaxed) {
            ended.await;
        }
    }

    fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.ended.notify_waiters();
    }
}

impl Member {
    pub(super) fn new(place: usize, disk: SimDisk) -> Self {
        let state = State {
            life: None,
            machine: None,
            start_after: None,
            end: None,
            audited: Revision::new(2),
            rotten: false,
            lost: false,
            standing: Standing::Outside,
            amnesiac: false,
            learner: false,
            crash_at_answer: None,
            down: Duration::from_millis(10),
            failures: [0; 2],
        };
        Self { place, disk, state: Mutex::new(state), changed: Notify::new() }
    }

    /// The present life.
    pub(super) fn life(&self) -> Option<Arc<Life>> {
        self.state.lock().life.clone()
    }

    /// Whether it must work once everything is healed.
    pub(super) fn is_expected(&self) -> bool {
        let state = self.state.lock();
        state.standing == Standing::Inside && !state.lost
    }

    /// Takes what the next life runs on; tells whether it joins to follow.
    pub(super) fn set_machine(&self, machine: Arc<Machine>) -> bool {
        let mut state = self.state.lock();
        state.machine = Some(machine);
        state.learner
    }

    /// What the present life runs on.
    pub(super) fn machine(&self) -> Option<Arc<Machine>> {
        self.state.lock().machine.clone()
    }

    /// Whether its disk has failed the present life; a full one only where `full` says so.
    pub(super) fn is_failed(&self, full: bool) -> bool {
        failures(&self.disk, full) > self.state.lock().failures[usize::from(full)]
    }

    /// Calls off what was planned.
    pub(super) fn calm(&self) {
        self.state.lock().crash_at_answer = None;
        if let Some(machine) = self.machine() {
            machine.calm();
            machine.go_on();
        }
    }

    /// Asks for a start.
    pub(super) fn start_after(&self, pause: Duration) {
        self.state.lock().start_after = Some(pause);
        self.changed.notify_waiters();
    }

    /// It founds the cluster, with others.
    pub(super) fn found(&self) {
        self.state.lock().standing = Standing::Inside;
        self.start_after(Duration::ZERO);
    }

    /// It joins the cluster.
    pub(super) fn join(&self, learner: bool) {
        self.state.lock().learner = learner;
        self.start_after(Duration::ZERO);
    }

    /// It was taken out, or may have been: nothing is expected of it any more.
    pub(super) fn retire(&self) {
        self.state.lock().standing = Standing::Retired;
    }

    /// It loses its disk, and is started again on an empty one after `down`.
    pub(super) fn lose_disk(&self, down: Duration) {
        self.state.lock().amnesiac = true;
        self.crash(down);
        self.disk.replace();
    }

    /// Power fails, for `down`.
    pub(super) fn crash(&self, down: Duration) {
        if let Some(machine) = self.machine() {
            machine.end();
        }
        self.disk.crash();
        self.end_with(End::Crash, down);
    }

    /// The process is killed, and started again after `down`.
    pub(super) fn kill(&self, down: Duration) {
        self.end_with(End::Kill, down);
    }

    /// Plans a crash for when so many calls have been answered.
    pub(super) fn crash_at_answer(&self, answers: u32, down: Duration) {
        self.state.lock().crash_at_answer = Some((answers, down));
    }

    /// Plans a crash for before so many more steps of its tasks.
    pub(super) fn crash_at_step(&self, steps: u64, down: Duration) {
        if let Some(machine) = self.machine() {
            self.set_down(down);
            machine.fail_after(steps);
        }
    }

    /// How long it stays down when its disk ends its life.
    pub(super) fn set_down(&self, down: Duration) {
        self.state.lock().down = down;
    }

    pub(super) fn set_rotten(&self) {
        self.state.lock().rotten = true;
    }

    /// A call was answered: the moment for a crash that waits for it.
    ///
    /// True where it crashed.
    pub(super) fn answered(&self) -> bool {
        let mut state = self.state.lock();
        let Some((left, down)) = &mut state.crash_at_answer else { return false };
        *left = left.saturating_sub(1);
        let (left, down) = (*left, *down);
        if left == 0 {
            state.crash_at_answer = None;
            drop(state);
            self.crash(down);
        }
        left == 0
    }

    pub(super) fn audited(&self) -> Revision {
        self.state.lock().audited
    }

    pub(super) fn set_audited(&self, next: Revision) {
        let mut state = self.state.lock();
        state.audited = state.audited.max(next);
    }

    /// Counts the steps of the present life, and whether the power failed between two of them.
    pub(super) fn count_steps(&self, stage: &Stage) {
        let Some(machine) = self.machine() else { return };
        let mut record = stage.record.lock();
        record.coverage.saw_many(Thing::Step, machine.turns());
        record.coverage.saw_many(Thing::PowerAtStep, u64::from(machine.failed()));
    }

    /// Waits for a change: a life that begins, or is asked to end.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn end_with(&self, end: End, down: Duration) {
        let mut state = self.state.lock();
        if state.life.is_some() || matches!(end, End::Crash) {
            state.end = Some(end);
            state.down = down;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until a start is asked for, and how long it is to wait.
    pub(super) async fn start_asked(&self) -> Duration {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if let Some(pause) = self.state.lock().start_after.take() {
                return pause;
            }
            changed.await;
        }
    }

    /// Waits until the life is to end; returns how long it is to stay down.
    pub(super) async fn end_asked(&self) -> (End, Duration) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state.lock();
                let crashed = self.disk.is_crashed().then_some(End::Crash);
                if let Some(end) = state.end.take().or(crashed) {
                    return (end, state.down);
                }
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = self.disk.crashed() => {}
            }
        }
    }

    /// As what it joins, where it starts for the first time and is no founder.
    pub(super) fn joins(&self) -> Option<Thing> {
        let state = self.state.lock();
        let joins = if state.learner { Thing::LearnerJoined } else { Thing::Joined };
        (state.standing == Standing::Outside).then_some(joins)
    }

    pub(super) fn begin(&self, store: Arc<dyn Operator>, env: Env) -> Arc<Life> {
        let (over, ended) = (AtomicBool::new(false), Notify::new());
        let life = Arc::new(Life { store, env, over, ended });
        let mut state = self.state.lock();
        state.life = Some(Arc::clone(&life));
        state.failures = [false, true].map(|full| failures(&self.disk, full));
        state.end = None;
        if state.standing == Standing::Outside {
            state.standing = Standing::Inside;
        }
        drop(state);
        self.changed.notify_waiters();
        life
    }

    pub(super) fn finish(&self, life: &Life, end: End) {
        let mut state = self.state.lock();
        state.life = None;
        state.crash_at_answer = None;
        let machine = state.machine.clone();
        drop(state);
        if let Some(machine) = machine {
            machine.end();
        }
        life.end();
        match end {
            End::Crash => self.disk.crash(),
            End::Kill => self.disk.kill(),
        }
    }
}

/// How often `disk` has failed, a full one only counted where `full` says so.
fn failures(disk: &SimDisk, full: bool) -> u64 {
    if full {
        return disk.failures();
    }
    disk.failures() - disk.coverage().count(Thing::DiskFull)
}

/// Whether a member may not start.
pub(super) enum Excuse {
    /// It is to be tried again.
    Again,
    /// It will never start, as it should not.
    Lost,
    /// It should have started.
    None,
}

impl Member {
    /// What excuses `error`; `failed` says that the disk failed as planned.
    pub(super) fn excuse(&self, error: &StartError, failed: bool) -> Excuse {
        let mut state = self.state.lock();
        match error {
            StartError::Corrupt(_) if state.rotten => state.lost = true,
            StartError::Lost(_) if state.amnesiac => state.lost = true,
            StartError::Later(_) => return Excuse::Again,
            _ if failed => return Excuse::Again,
            _ if state.standing != Standing::Inside => state.lost = true,
            _ => {
                state.lost = true;
                return Excuse::None;
            }
        }
        Excuse::Lost
    }
}
