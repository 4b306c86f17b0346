//! A prober: the task that asks one container one question again and again.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ExecAction, Probe};
use orchestrator_core::env::Task;
use orchestrator_core::runtime::ContainerId;
use tokio::time::Instant;

use super::{Counter, Handler, Kind, Outcome, Target};

/// What a probe now says about one run of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The container.
    pub name: String,
    /// Its run.
    pub container: ContainerId,
    /// The probe.
    pub kind: Kind,
    /// What it says.
    pub holds: bool,
}

/// Takes each answer that is no success, in words for people.
pub type Complain = Arc<dyn Fn(Kind, &Outcome) + Send + Sync>;

/// What a prober does.
#[derive(Clone)]
pub struct ProberSpec {
    /// Whom it asks.
    pub target: Target,
    /// Which probe it is.
    pub kind: Kind,
    /// The probe.
    pub probe: Arc<Probe>,
    /// When the container began to run.
    pub started: Instant,
    /// Whom it tells.
    pub tell: Arc<dyn Fn(Verdict) + Send + Sync>,
    /// Whom it tells of each failure, in words.
    pub complain: Complain,
}

/// A running prober; dropping it ends it.
#[derive(Debug)]
pub struct Prober {
    _task: Task<()>,
}

impl Prober {
    /// Begins to ask.
    pub fn start(spec: ProberSpec) -> Self {
        let env = spec.target.env.clone();
        Self { _task: env.spawn("prober", run(spec)) }
    }
}

async fn run(spec: ProberSpec) {
    let Some(handler) = handler(&spec) else { return };
    let seconds = |value: Option<i32>, default: u64, least: u64| {
        let value = value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default);
        Duration::from_secs(value.max(least))
    };
    let probe = &spec.probe;
    let period = seconds(probe.period_seconds, 10, 1);
    let timeout = seconds(probe.timeout_seconds, 1, 1);
    let env = &spec.target.env;
    let mut next = spec.started + seconds(probe.initial_delay_seconds, 0, 0);
    let mut counter = Counter::new(spec.kind, probe);
    loop {
        env.sleep_until(next).await;
        let outcome = spec.target.ask(&handler, timeout).await;
        let success = match &outcome {
            Outcome::Success => Some(true),
            Outcome::Failure(_) => Some(false),
            Outcome::Unknown(_) => None,
        };
        if outcome != Outcome::Success {
            (spec.complain)(spec.kind, &outcome);
        }
        if let Some(holds) = success.and_then(|success| counter.count(success)) {
            (spec.tell)(Verdict {
                name: spec.target.container.name.clone(),
                container: spec.target.id.clone(),
                kind: spec.kind,
                holds,
            });
        }
        next = (next + period).max(env.instant());
    }
}

/// What is asked: the probe's own question, or the runtime where containers are not real.
fn handler(spec: &ProberSpec) -> Option<Handler> {
    if spec.target.runtime.info().real {
        return Handler::of_probe(&spec.probe);
    }
    let command = vec!["probe".to_owned(), spec.kind.word().to_lowercase()];
    Some(Handler::Exec(ExecAction { command: Some(command) }))
}
