//! The fate of a container: whether it runs, has ended for good, or will run again.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, ContainerRestartRule};

use super::{Member, Role, View};

/// What becomes of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has not run yet.
    Fresh,
    /// It runs.
    Running,
    /// It has ended with this exit code and does not run again.
    Done(i32),
    /// It has ended and runs again.
    Again {
        /// Which run is next.
        attempt: u32,
        /// When the last run ended.
        ended_at: Timestamp,
        /// When the next one is due.
        due: Timestamp,
        /// The pause between them; zero where there is none.
        pause: Duration,
    },
}

/// The fate of one container of the pod.
pub fn fate(view: View<'_>, member: &Member<'_>) -> Fate {
    let Some(state) = view.state.newest(member.name()) else { return Fate::Fresh };
    let Some(exit) = state.exit() else {
        return if state.is_running() { Fate::Running } else { Fate::Fresh };
    };
    let policy = view.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    if !runs_again(member, policy.unwrap_or("Always"), exit.code) {
        return Fate::Done(exit.code);
    }
    let ended_at = exit.finished_at;
    let backoff = view.memory.container(member.name()).restart;
    let due = backoff.map_or(ended_at, |backoff| backoff.until(ended_at));
    let pause = Duration::try_from(due.duration_since(ended_at)).unwrap_or_default();
    Fate::Again { attempt: state.attempt + 1, ended_at, due, pause }
}

/// Whether a container that ended with `code` runs again.
fn runs_again(member: &Member<'_>, pod_policy: &str, code: i32) -> bool {
    match member.role {
        Role::Ephemeral => false,
        Role::Sidecar => true,
        // Init containers must succeed once, so `Always` means to them what `OnFailure` does.
        Role::Init => code != 0 && restarts(&member.spec, pod_policy, code),
        Role::App => restarts(&member.spec, pod_policy, code),
    }
}

fn restarts(container: &Container, pod_policy: &str, code: i32) -> bool {
    let rules = container.restart_policy_rules.as_deref().unwrap_or_default();
    if rules.iter().any(|rule| rule.action.starts_with("Restart") && matches(rule, code)) {
        return true;
    }
    match container.restart_policy.as_deref().unwrap_or(pod_policy) {
        "Never" => false,
        "OnFailure" => code != 0,
        _ => true,
    }
}

fn matches(rule: &ContainerRestartRule, code: i32) -> bool {
    let Some(codes) = &rule.exit_codes else { return false };
    let listed = codes.values.as_deref().unwrap_or_default().contains(&code);
    match codes.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        _ => false,
    }
}
