//! Brings the faults of a plan, each at its time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use orchestrator_core::env::Tasks;

use super::{Stage, finale};
use crate::operator::{MemberChange, MemberId};
use crate::sim::coverage::Thing;
use crate::sim::disk::DiskFault;
use crate::sim::plan::Fault;

/// How long a member that a disk failed goes on before its process is ended.
const POISONED: Duration = Duration::from_millis(100);

/// How long an operator waits before members are changed, and between two attempts.
const BEFORE_CHANGE: Duration = Duration::from_millis(300);

/// How long one member is asked: a stopped one does not answer.
const CHANGE_PATIENCE: Duration = Duration::from_secs(2);

/// How often a change of members is attempted.
const CHANGES: usize = 8;

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
        Fault::Crash { places, down } => {
            note_down(&stage, places, Thing::PowerAtMoment);
            places.iter().for_each(|at| member(at).crash(*down));
        }
        Fault::Kill { places, down } => {
            note_down(&stage, places, Thing::Killed);
            places.iter().for_each(|at| member(at).kill(*down));
        }
        Fault::CrashAtStep { place, steps, down } => member(place).crash_at_step(*steps, *down),
        Fault::Stop { place, lasting } => {
            let Some(machine) = member(place).machine() else { return };
            stage.saw(Thing::Stopped);
            machine.stop();
            stage.env.sleep(*lasting).await;
            machine.go_on();
        }
        Fault::CrashAtAnswer { place, answers, down } => {
            member(place).crash_at_answer(*answers, *down);
        }
        Fault::Disk { place, fault, down } => disk(&stage, *place, *fault, *down).await,
        Fault::Rot { place, down } => rot(&stage, *place, *down),
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
        Fault::Hold { place, lasting } => {
            stage.network.hold(*place);
            stage.env.sleep(*lasting).await;
            stage.network.let_go(*place);
        }
        Fault::Progress { place } => {
            if let Some(life) = member(place).life() {
                life.store.demand_progress(&[]);
            }
        }
        Fault::Transfer { to } => transfer(&stage, *to).await,
        Fault::Join => drop(join(&stage, false)),
        Fault::Follow { promoted } => follow(&stage, *promoted).await,
        Fault::Leave { place } => leave(&stage, *place).await,
        Fault::Replace { place, down } => replace(&stage, *place, *down).await,
    }
}

fn note_down(stage: &Stage, places: &[usize], thing: Thing) {
    places.iter().for_each(|_| stage.saw(thing));
    if places.len() > 1 {
        stage.saw(Thing::ManyDown);
    }
}

async fn disk(stage: &Stage, place: usize, fault: DiskFault, down: Duration) {
    let member = &stage.members[place];
    member.set_down(down);
    let failures = member.disk.failures();
    member.disk.plan(fault);
    match fault {
        DiskFault::Crash(_) => return,
        // Hardly anything is read but when a process starts.
        DiskFault::FailRead(_) => return member.kill(down),
        _ => {}
    }
    // The process ends some time after the failure, as an operator would have it.
    member.disk.failed(failures).await;
    stage.env.sleep(POISONED).await;
    member.kill(down);
}

/// Changes a bit of a member that is down; of a cluster, of one member that may be lost.
fn rot(stage: &Stage, place: usize, down: Duration) {
    if stage.engine.is_cluster() && stage.reduced.swap(true, Ordering::Relaxed) {
        return;
    }
    let member = &stage.members[place];
    member.crash(down);
    member.disk.restart();
    if member.disk.plan(DiskFault::Flip(2)) {
        member.set_rotten();
    }
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
    let Ok(membership) = life.env.hosted(life.store.members()).await else { return };
    let led = life.env.hosted(life.store.change_members(MemberChange::Lead(membership.this))).await;
    if led.is_ok() && membership.leader != Some(membership.this) {
        stage.saw(Thing::Transferred);
    }
}

/// Lets a new member join; returns its place.
fn join(stage: &Stage, learner: bool) -> Option<usize> {
    let place = stage.founders + stage.joined.fetch_add(1, Ordering::Relaxed);
    let member = stage.members.get(place)?;
    member.join(learner);
    Some(place)
}

/// Lets a new member follow, and vote some time after.
async fn follow(stage: &Stage, promoted: Option<Duration>) {
    let Some(place) = join(stage, true) else { return };
    let Some(after) = promoted else { return };
    stage.env.sleep(after).await;
    for _ in 0..CHANGES {
        // It knows its number once it is in.
        let id = match stage.members[place].life() {
            Some(life) => life.env.hosted(life.store.members()).await.ok(),
            None => None,
        };
        if let Some(id) = id.map(|membership| membership.this)
            && change(stage, place, MemberChange::Promote(id)).await
        {
            return stage.saw(Thing::Promoted);
        }
        stage.env.sleep(BEFORE_CHANGE).await;
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
    stage.saw(Thing::DiskReplaced);
    member.lose_disk(down);
    stage.env.sleep(down + BEFORE_CHANGE).await;
    if remove(stage, place).await {
        join(stage, false);
    }
}

/// Asks the others to take the founder at `place` out.
async fn remove(stage: &Stage, place: usize) -> bool {
    let id = MemberId::try_from(place + 1).expect("a small number");
    for _ in 0..CHANGES {
        if change(stage, place, MemberChange::Remove(id)).await {
            stage.saw(Thing::Removed);
            return true;
        }
        stage.env.sleep(BEFORE_CHANGE).await;
    }
    false
}

/// Asks the founders other than `place` for a change, one after the other; true where one made it.
async fn change(stage: &Stage, place: usize, change: MemberChange) -> bool {
    for other in (0..stage.founders).map(|next| (place + 1 + next) % stage.founders) {
        let Some(life) = stage.members[other].life().filter(|_| other != place) else { continue };
        let asked = tokio::select! {
            biased;
            () = life.ended() => None,
            asked = life.env.hosted(life.store.change_members(change.clone())) => Some(asked),
            () = stage.env.sleep(CHANGE_PATIENCE) => None,
        };
        let done = matches!(asked, Some(Ok(_)));
        stage.note(format_args!("{change:?} by {other}: {done}"));
        if done {
            return true;
        }
    }
    false
}
