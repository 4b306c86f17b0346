//! A simulated container: its stages, drawn once, and its state.

use std::time::Duration;

use jiff::Timestamp;
use orchestrator_core::Env;
use orchestrator_core::runtime::{
    ContainerConfig, ContainerId, ContainerPhase, ContainerState, Exit,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::stages::Stages;

/// A simulated container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) state: ContainerState,
    pub(super) stages: Stages,
    /// When it began to run, on the monotonic clock.
    pub(super) started: Instant,
    ready_after: Duration,
    unhealthy_after: Option<Duration>,
    /// When and how it ends, once that is decided.
    pub(super) end: Option<End>,
    pub(super) ended: watch::Sender<bool>,
}

/// When and how a container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Instant,
    pub(super) code: i32,
    signal: Option<i32>,
}

impl Container {
    /// A container that runs from now on.
    pub(super) fn new(env: &Env, config: &ContainerConfig, stages: Stages) -> Self {
        let (now, started) = (env.now(), env.instant());
        let end = stages.run_of(config.attempt).map(|span| End {
            at: started + span.draw(env),
            code: stages.exit_code,
            signal: None,
        });
        let state = ContainerState {
            id: ContainerId::from(env.uid().replace('-', "")),
            name: config.name.clone(),
            attempt: config.attempt,
            image: config.image.clone(),
            image_id: String::new(),
            phase: ContainerPhase::Running,
            created_at: now,
            started_at: Some(now),
        };
        Self {
            state,
            ready_after: stages.ready_after.draw(env),
            unhealthy_after: stages.unhealthy_after.map(|span| span.draw(env)),
            stages,
            started,
            end,
            ended: watch::channel(false).0,
        }
    }

    /// Decides that it ends because it was asked to, unless it ends sooner.
    pub(super) fn stop(&mut self, env: &Env, grace: Duration) -> Option<End> {
        const TERM: i32 = 15;
        const KILL: i32 = 9;
        let takes = self.stages.stop.draw(env);
        let signal = if takes <= grace && !grace.is_zero() { TERM } else { KILL };
        let at = env.instant() + takes.min(grace);
        if self.state.exit().is_some() || self.end.is_some_and(|end| end.at <= at) {
            return None;
        }
        self.end = Some(End { at, code: 128 + signal, signal: Some(signal) });
        self.end
    }

    /// Ends it, if `end` is still how it ends.
    pub(super) fn finish(&mut self, end: End, finished_at: Timestamp) -> bool {
        if self.end != Some(end) || self.state.exit().is_some() {
            return false;
        }
        self.state.phase = ContainerPhase::Exited(Exit {
            code: end.code,
            signal: end.signal,
            finished_at,
            reason: String::new(),
            message: String::new(),
        });
        self.ended.send_replace(true);
        true
    }

    /// The exit code of a command in it: probes by their kind, anything else succeeds.
    pub(super) fn exec(&self, now: Instant, command: &[String]) -> i32 {
        let age = now - self.started;
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let succeeds = match words.as_slice() {
            ["probe", "liveness"] => self.unhealthy_after.is_none_or(|after| age < after),
            ["probe", _] => age >= self.ready_after,
            _ => true,
        };
        i32::from(!succeeds)
    }
}
