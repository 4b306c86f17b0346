//! The keeper of a member: starts it whenever that is asked for, and sees its lives end.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;

use super::member::{Excuse, Life, Member};
use super::{Inside, Site, Stage, auditor, mix};
use crate::sim::coverage::Thing;
use crate::sim::machine::Machine;

/// How long a member that does not start waits until it is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// How often a member is started before that counts as never.
const MOST_STARTS: u32 = 400;

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
        member.count_steps(&stage);
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
        let env = site.env.clone();
        let started = tokio::select! {
            biased;
            () = member.disk.crashed() => None,
            started = env.hosted(stage.engine.start(site)) => Some(started),
        };
        let place = member.place;
        let error = match started {
            Some(Ok(store)) if !member.disk.is_crashed() => {
                stage.note(format_args!("member {place} starts"));
                stage.saw(Thing::Started);
                if let Some(joined) = member.joins() {
                    stage.saw(joined);
                }
                return Some(member.begin(store, env));
            }
            Some(Err(error)) if !member.disk.is_crashed() => error,
            _ => {
                stage.note(format_args!("member {place} went down while it started"));
                stage.saw(Thing::StartFailed);
                member.count_steps(stage);
                stage.network.unplug(place);
                stage.env.sleep(AGAIN).await;
                continue;
            }
        };
        stage.note(format_args!("member {place} does not start: {error}"));
        stage.saw(Thing::StartFailed);
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
fn site(stage: &Arc<Stage>, member: &Member, number: u32) -> Site {
    let seed = mix(stage.seed, (member.place as u64) << 32 | u64::from(number));
    let clock = stage.clocks.get(member.place).copied().unwrap_or_default();
    if clock.rate_permille != 0 {
        stage.saw(Thing::WrongClock);
    }
    let machine = Machine::new(member.disk.clone(), stage.env.instant(), clock, number);
    let learner = member.set_machine(Arc::clone(&machine));
    Site {
        place: member.place,
        founders: stage.founders,
        env: Env::on_host(seed, machine),
        disk: member.disk.attach(),
        network: stage.network.clone(),
        life: number,
        learner,
        inside: Inside::new(stage, member.place),
    }
}
