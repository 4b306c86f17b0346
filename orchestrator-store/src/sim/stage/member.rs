//! One member: its disk, its present life, and the keeper that starts it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::store::Revision;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Site, Stage, StartError, auditor, mix};
use crate::operator::Operator;
use crate::sim::disk::SimDisk;

/// How long a member that does not start waits until it is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// How often a member is started before that counts as never.
const MOST_STARTS: u32 = 400;

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

#[derive(Clone, Copy, Debug)]
enum End {
    Crash,
    Kill,
}

/// One life of a member, from its start to its end.
pub(super) struct Life {
    pub(super) store: Arc<dyn Operator>,
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

    /// Calls off what was planned.
    pub(super) fn calm(&self) {
        self.state.lock().crash_at_answer = None;
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

    /// How long it stays down when its disk ends its life.
    pub(super) fn set_down(&self, down: Duration) {
        self.state.lock().down = down;
    }

    pub(super) fn set_rotten(&self) {
        self.state.lock().rotten = true;
    }

    /// A call was answered: the moment for a crash that waits for it.
    pub(super) fn answered(&self) {
        let mut state = self.state.lock();
        let Some((left, down)) = &mut state.crash_at_answer else { return };
        *left = left.saturating_sub(1);
        let (left, down) = (*left, *down);
        if left == 0 {
            state.crash_at_answer = None;
            drop(state);
            self.crash(down);
        }
    }

    pub(super) fn audited(&self) -> Revision {
        self.state.lock().audited
    }

    pub(super) fn set_audited(&self, next: Revision) {
        let mut state = self.state.lock();
        state.audited = state.audited.max(next);
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
    async fn start_asked(&self) -> Duration {
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
    async fn end_asked(&self) -> (End, Duration) {
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

    fn begin(&self, store: Arc<dyn Operator>) -> Arc<Life> {
        let life = Arc::new(Life { store, over: AtomicBool::new(false), ended: Notify::new() });
        let mut state = self.state.lock();
        state.life = Some(Arc::clone(&life));
        state.end = None;
        if state.standing == Standing::Outside {
            state.standing = Standing::Inside;
        }
        drop(state);
        self.changed.notify_waiters();
        life
    }

    fn finish(&self, life: &Life, end: End) {
        let mut state = self.state.lock();
        state.life = None;
        state.crash_at_answer = None;
        drop(state);
        life.end();
        match end {
            End::Crash => self.disk.crash(),
            End::Kill => self.disk.kill(),
        }
    }
}

/// Starts the member whenever that is asked for, and ends its lives.
pub(super) async fn keep(stage: Arc<Stage>, member: Arc<Member>) {
    let mut number = 0;
    loop {
        let pause = member.start_asked().await;
        stage.env.sleep(pause.max(Duration::from_millis(1))).await;
        let Some(life) = start(&stage, &member, &mut number).await else { continue };
        let auditor = auditor::run(Arc::clone(&stage), Arc::clone(&member), Arc::clone(&life));
        let auditor = stage.env.spawn("auditor", auditor);
        let (end, down) = member.end_asked().await;
        drop(auditor);
        stage.note(format_args!("member {} ends: {end:?}, down for {down:?}", member.place));
        stage.network.unplug(member.place);
        member.finish(&life, end);
        member.start_after(down);
    }
}

/// Starts a life; `None` where the member is lost.
async fn start(stage: &Arc<Stage>, member: &Arc<Member>, number: &mut u32) -> Option<Arc<Life>> {
    for _ in 0..MOST_STARTS {
        member.disk.restart();
        let failures = member.disk.failures();
        let site = site(stage, member, *number);
        *number += 1;
        let started = tokio::select! {
            biased;
            () = member.disk.crashed() => None,
            started = stage.engine.start(site) => Some(started),
        };
        let place = member.place;
        let error = match started {
            Some(Ok(store)) if !member.disk.is_crashed() => {
                stage.note(format_args!("member {place} starts"));
                stage.record.lock().lives += 1;
                return Some(member.begin(store));
            }
            Some(Err(error)) if !member.disk.is_crashed() => error,
            _ => {
                stage.note(format_args!("member {place} went down while it started"));
                stage.network.unplug(place);
                stage.env.sleep(AGAIN).await;
                continue;
            }
        };
        stage.note(format_args!("member {place} does not start: {error}"));
        stage.network.unplug(place);
        member.disk.kill();
        match member.excuse(&error, member.disk.failures() > failures) {
            Excuse::Again => stage.env.sleep(AGAIN).await,
            Excuse::Lost => return None,
            Excuse::None => {
                stage.violation("recovery", format!("member {place} does not start: {error}"));
                return None;
            }
        }
    }
    let detail = format!("member {} never started in {MOST_STARTS} attempts", member.place);
    stage.violation("recovery", detail);
    None
}

/// Where `member` lives next.
fn site(stage: &Stage, member: &Member, number: u32) -> Site {
    let seed = mix(stage.seed, (member.place as u64) << 32 | u64::from(number));
    Site {
        place: member.place,
        founders: stage.founders,
        env: Env::simulated(seed),
        disk: member.disk.attach(),
        network: stage.network.clone(),
        life: number,
        learner: member.state.lock().learner,
    }
}

/// Whether a member may not start.
enum Excuse {
    /// It is to be tried again.
    Again,
    /// It will never start, as it should not.
    Lost,
    /// It should have started.
    None,
}

impl Member {
    /// What excuses `error`; `failed` says that the disk failed as planned.
    fn excuse(&self, error: &StartError, failed: bool) -> Excuse {
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
