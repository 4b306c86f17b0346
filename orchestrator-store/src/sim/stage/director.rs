//! Brings the faults of a plan, each at its time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use orchestrator_core::env::Tasks;

use super::{Stage, finale};
use crate::operator::{MemberChange, MemberId};
use crate::sim::disk::DiskFault;
use crate::sim::plan::Fault;

/// How long a member that a disk failed goes on before its process is ended.
const POISONED: Duration = Duration::from_millis(100);

/// How long an operator waits before a member is taken out, and between two attempts.
const BEFORE_REMOVAL: Duration = Duration::from_millis(300);

/// How often a removal is attempted.
const REMOVALS: usize = 8;

/// Brings `faults`, which are in order.
pub(super) async fn run(stage: Arc<Stage>, faults: Vec<(Duration, Fault)>) {
    let mut effects = Tasks::new();
    for (at, fault) in faults {
        stage.env.sleep_until(stage.began + at).await;
        stage.note(format_args!("fault {fault:?}"));
        let effect = bring(Arc::clone(&stage), fault);
        effects.push(stage.env.spawn("fault", effect));
    }
    // The effects belong to this task.
    std::future::pending::<()>().await;
}

async fn bring(stage: Arc<Stage>, fault: Fault) {
    let member = |place: &usize| &stage.members[*place];
    match &fault {
        Fault::Crash { places, down } => places.iter().for_each(|at| member(at).crash(*down)),
        Fault::Kill { places, down } => places.iter().for_each(|at| member(at).kill(*down)),
        Fault::CrashAtAnswer { place, answers, down } => {
            member(place).crash_at_answer(*answers, *down);
        }
        Fault::Disk { place, fault, down } => disk(&stage, *place, *fault, *down).await,
        Fault::Rot { place, down } => {
            let member = member(place);
            member.crash(*down);
            member.disk.restart();
            if member.disk.plan(DiskFault::Flip(2)) {
                member.set_rotten();
            }
        }
        Fault::Full { place, room, lasting } => full(&stage, *place, *room, *lasting).await,
        Fault::Partition { side, lasting } => {
            let cut = stage.network.partition(side);
            stage.env.sleep(*lasting).await;
            stage.network.mend(cut);
        }
        Fault::Cut { from, to, lasting } => {
            let cut = stage.network.cut(*from, *to);
            stage.env.sleep(*lasting).await;
            stage.network.mend(cut);
        }
        Fault::Weather { weather, lasting } => {
            stage.network.set_weather(*weather);
            stage.env.sleep(*lasting).await;
            stage.network.set_weather(Default::default());
        }
        Fault::Pause { place, lasting } => {
            stage.network.pause(*place);
            stage.env.sleep(*lasting).await;
            stage.network.resume(*place);
        }
        Fault::Progress { place } => {
            if let Some(life) = member(place).life() {
                life.store.demand_progress();
            }
        }
        Fault::Transfer { to } => transfer(&stage, *to).await,
        Fault::Join { learner } => join(&stage, *learner),
        Fault::Leave { place } => leave(&stage, *place).await,
        Fault::Replace { place, down } => replace(&stage, *place, *down).await,
    }
}

async fn disk(stage: &Stage, place: usize, fault: DiskFault, down: Duration) {
    let member = &stage.members[place];
    member.set_down(down);
    let failures = member.disk.failures();
    member.disk.plan(fault);
    if matches!(fault, DiskFault::Crash(_)) {
        return;
    }
    // The process ends some time after the failure, as an operator would have it.
    member.disk.failed(failures).await;
    stage.env.sleep(POISONED).await;
    member.kill(down);
}

async fn full(stage: &Stage, place: usize, room: u64, lasting: Duration) {
    let member = &stage.members[place];
    let failures = member.disk.failures();
    member.disk.plan(DiskFault::Room(Some(member.disk.used() + room)));
    stage.env.sleep(lasting).await;
    member.disk.plan(DiskFault::Room(None));
    if stage.engine.is_cluster() && member.disk.failures() > failures {
        // A member whose log could not be written has stopped, and is started again.
        member.kill(POISONED);
    }
    if let Some(life) = member.life() {
        finale::clear_alarms(&life).await;
    }
}

/// Makes another member the leader, as an operator does.
async fn transfer(stage: &Stage, to: usize) {
    let Some(life) = stage.members[to].life() else { return };
    let Ok(membership) = life.store.members().await else { return };
    let _ = life.store.change_members(MemberChange::Lead(membership.this)).await;
}

/// Lets a new member join.
fn join(stage: &Stage, learner: bool) {
    let place = stage.founders + stage.joined.fetch_add(1, Ordering::Relaxed);
    if let Some(member) = stage.members.get(place) {
        member.join(learner);
    }
}

/// Takes a member out, as the only one in the run, and stops it.
async fn leave(stage: &Stage, place: usize) {
    if stage.reduced.swap(true, Ordering::Relaxed) {
        return;
    }
    let member = &stage.members[place];
    member.retire();
    if remove(stage, place).await {
        member.kill(Duration::from_secs(3600));
    }
}

/// A member loses its disk, comes back with nothing, is taken out, and another one joins.
async fn replace(stage: &Stage, place: usize, down: Duration) {
    if stage.reduced.swap(true, Ordering::Relaxed) {
        return;
    }
    let member = &stage.members[place];
    member.retire();
    member.lose_disk(down);
    stage.env.sleep(down + BEFORE_REMOVAL).await;
    if remove(stage, place).await {
        join(stage, false);
    }
}

/// Asks the others to take the founder at `place` out.
async fn remove(stage: &Stage, place: usize) -> bool {
    let id = MemberId::try_from(place + 1).expect("a small number");
    for attempt in 0..REMOVALS {
        let other = (place + 1 + attempt) % stage.founders;
        let life = stage.members[other].life().filter(|_| other != place);
        if let Some(life) = life {
            let asked = tokio::select! {
                biased;
                () = life.ended() => None,
                asked = life.store.change_members(MemberChange::Remove(id)) => Some(asked),
            };
            stage.note(format_args!("removal of {place} by {other}: {}", asked.is_some()));
            if matches!(asked, Some(Ok(_))) {
                return true;
            }
        }
        stage.env.sleep(BEFORE_REMOVAL).await;
    }
    false
}
