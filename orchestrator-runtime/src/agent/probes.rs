//! The probers of one pod: which containers are asked what, as containers come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use orchestrator_core::runtime::{ContainerId, ContainerState, PodState};

use super::context::Context;
use super::mailbox::Mailbox;
use super::start::target;
use crate::plan::{ContainerMemory, Health, Memory, Role, StopReason, members};
use crate::probe::{Kind, Outcome, Prober, ProberSpec, Verdict};

/// The probers of one pod.
#[derive(Debug, Default)]
pub(super) struct Probers {
    running: BTreeMap<(String, Kind), (ContainerId, Prober)>,
}

/// Whom probers report to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) mailbox: &'a Arc<Mailbox>,
    pub(super) pod: &'a Arc<Pod>,
    pub(super) state: &'a PodState,
}

impl Probers {
    /// Brings health and probers in line with the containers that run.
    pub(super) fn follow(&mut self, place: Place<'_>, memory: &mut Memory, ending: bool) {
        let mut wanted = BTreeMap::new();
        for member in members(place.pod) {
            if !matches!(member.role, Role::App | Role::Sidecar) {
                continue;
            }
            let running = place.state.newest(member.name()).filter(|state| state.is_running());
            let Some(state) = running else { continue };
            let known = memory.container_mut(member.name());
            if known.health.container.as_ref() != Some(&state.id) {
                known.health = first_health(place.pod, &member.spec, state);
            }
            for (kind, probe) in probes(&member.spec, known, ending) {
                let place = (member.name().to_owned(), kind);
                wanted.insert(
                    place,
                    (member.spec.clone().into_owned(), probe.clone(), state.clone()),
                );
            }
        }
        self.running.retain(|key, (id, _)| wanted.get(key).is_some_and(|(.., s)| s.id == *id));
        for ((name, kind), (container, probe, state)) in wanted {
            if !self.running.contains_key(&(name.clone(), kind))
                && let Some(prober) = start(place, Arc::new(container), kind, probe, &state)
            {
                self.running.insert((name, kind), (state.id, prober));
            }
        }
    }
}

/// Takes what a probe says.
pub(super) fn learn(memory: &mut Memory, pod: &Pod, verdict: &Verdict) {
    let Some(member) = members(pod).find(|member| member.name() == verdict.name) else { return };
    let health = &mut memory.container_mut(&verdict.name).health;
    if health.container.as_ref() != Some(&verdict.container) {
        return;
    }
    let grace = |probe: Option<&Probe>| {
        let seconds = probe.and_then(|probe| probe.termination_grace_period_seconds)?;
        Some(std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
    };
    match (verdict.kind, verdict.holds) {
        (Kind::Startup, true) => {
            health.started = true;
            health.ready = member.spec.readiness_probe.is_none();
        }
        (Kind::Startup, false) => {
            health.doomed = Some((StopReason::Startup, grace(member.spec.startup_probe.as_ref())));
        }
        (Kind::Liveness, false) => {
            health.doomed =
                Some((StopReason::Liveness, grace(member.spec.liveness_probe.as_ref())));
        }
        (Kind::Liveness, true) => {}
        (Kind::Readiness, holds) => health.ready = holds,
    }
}

/// What is known of a run before any probe has answered; a run that an earlier agent found
/// healthy stays so until a probe says otherwise.
fn first_health(pod: &Pod, container: &Container, state: &ContainerState) -> Health {
    let status = pod.status.as_ref();
    let app = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
    let init = status.and_then(|s| s.init_container_statuses.as_deref()).unwrap_or_default();
    let reported = app.iter().chain(init).find(|reported| {
        let id = reported.container_id.as_deref().unwrap_or_default();
        reported.name == container.name && id.ends_with(&format!("://{}", state.id))
    });
    let started =
        container.startup_probe.is_none() || reported.is_some_and(|r| r.started == Some(true));
    let ready = container.readiness_probe.is_none() || reported.is_some_and(|r| r.ready);
    Health { container: Some(state.id.clone()), started, ready: started && ready, doomed: None }
}

/// The probes that are due: the startup probe alone until it has succeeded.
fn probes<'a>(
    container: &'a Container,
    known: &ContainerMemory,
    ending: bool,
) -> Vec<(Kind, &'a Probe)> {
    if known.health.doomed.is_some() {
        return Vec::new();
    }
    let all = [
        (Kind::Startup, container.startup_probe.as_ref(), !known.health.started && !ending),
        (Kind::Liveness, container.liveness_probe.as_ref(), known.health.started && !ending),
        // A pod that ends still tells its services when it stops serving.
        (Kind::Readiness, container.readiness_probe.as_ref(), known.health.started),
    ];
    all.into_iter().filter_map(|(kind, probe, due)| Some((kind, probe.filter(|_| due)?))).collect()
}

fn start(
    place: Place<'_>,
    container: Arc<Container>,
    kind: Kind,
    probe: Probe,
    state: &ContainerState,
) -> Option<Prober> {
    let target = target(place.context, &container, &state.id, place.state)?;
    let mailbox = Arc::clone(place.mailbox);
    let (context, pod) = (Arc::clone(place.context), Arc::clone(place.pod));
    let age = place.context.env.now().duration_since(state.started_at.unwrap_or(state.created_at));
    let age = std::time::Duration::try_from(age).unwrap_or_default();
    let now = place.context.env.instant();
    Some(Prober::start(ProberSpec {
        target,
        kind,
        probe: Arc::new(probe),
        started: now.checked_sub(age).unwrap_or(now),
        tell: Arc::new(move |verdict| mailbox.put(|mail| mail.verdicts.push(verdict))),
        complain: Arc::new(move |kind, outcome| {
            let (word, why) = match outcome {
                Outcome::Success => return,
                Outcome::Failure(why) => ("failed", why),
                Outcome::Unknown(why) => ("errored", why),
            };
            let message = format!("{} probe {word}: {why}", kind.word());
            context.warning(&pod, &container.name, "Unhealthy", message);
        }),
    }))
}
