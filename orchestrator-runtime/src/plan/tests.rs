//! Tables of pods in every state, and what is done about them.

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use orchestrator_core::runtime::{ContainerPhase, ContainerState, Exit, PodState, SandboxState};
use serde_json::{Value, json};

use super::*;

/// The time of every view.
const NOW_S: i64 = 10_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A pod in one state, made from words.
struct Case {
    pod: Pod,
    state: PodState,
    memory: Memory,
}

impl Case {
    /// A pod whose volumes and sandbox are there.
    fn new(spec: Value) -> Self {
        let meta = json!({"name": "p", "namespace": "n", "uid": "u", "generation": 2});
        let pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap();
        let mut state = PodState::empty("u");
        state.sandbox = Some(SandboxState {
            id: "s".into(),
            attempt: 0,
            ready: true,
            ips: vec!["127.64.0.1".parse().unwrap()],
            created_at: at(NOW_S - 100),
        });
        let start_time = Some(at(NOW_S - 100));
        let memory = Memory { volumes_ready: true, start_time, ..Memory::default() };
        Self { pod, state, memory }
    }

    /// Containers by words: `name` runs, `name=code` ended now, `name=code@secs` ended before.
    fn with(mut self, containers: &str) -> Self {
        for (index, word) in containers.split_whitespace().enumerate() {
            let (name, exit) = word.split_once('=').map_or((word, None), |(n, e)| (n, Some(e)));
            let (name, attempt) =
                name.split_once('#').map_or((name, 0), |(n, a)| (n, a.parse().unwrap()));
            let id = format!("{name}-{attempt}-{index}");
            let phase = exit.map_or(ContainerPhase::Running, |exit| {
                let (code, ago) = exit.split_once('@').unwrap_or((exit, "0"));
                let finished_at = at(NOW_S - ago.parse::<i64>().unwrap());
                let code = code.parse().unwrap();
                ContainerPhase::Exited(Exit {
                    code,
                    signal: None,
                    finished_at,
                    reason: String::new(),
                    message: String::new(),
                })
            });
            if phase == ContainerPhase::Running {
                let container = Some(id.as_str().into());
                let health = Health { container, started: true, ready: true, doomed: None };
                self.memory.container_mut(name).health = health;
            }
            self.state.containers.push(ContainerState {
                id: id.as_str().into(),
                name: name.into(),
                attempt,
                image: String::new(),
                image_id: String::new(),
                phase,
                created_at: at(NOW_S - 90),
                started_at: Some(at(NOW_S - 90)),
            });
        }
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn view(&self) -> View<'_> {
        View { pod: &self.pod, state: &self.state, memory: &self.memory, now: at(NOW_S) }
    }

    /// The plan in words.
    fn plan(&self) -> String {
        let plan = plan(self.view());
        let mut words: Vec<String> = plan.actions.iter().map(word).collect();
        if let Some(time) = plan.wake_at {
            words.push(format!("wake+{}", time.as_second() - NOW_S));
        }
        words.join(" ")
    }

    fn status(&self) -> PodStatus {
        let facts = NodeFacts { host_ips: vec!["10.0.0.1".parse().unwrap()], runtime: "process" };
        status(self.view(), &facts)
    }
}

fn word(action: &Action) -> String {
    match action {
        Action::SetUpVolumes => "volumes".into(),
        Action::RunSandbox { attempt } => format!("sandbox#{attempt}"),
        Action::Start { name, attempt, .. } => format!("start:{name}#{attempt}"),
        Action::Stop { name, grace, why, .. } => match why {
            StopReason::PodEnds => format!("stop:{name}/{}s", grace.as_secs()),
            why => format!("stop:{name}/{}s/{why:?}", grace.as_secs()),
        },
        Action::RemoveContainer(id) => format!("remove:{id}"),
        Action::StopSandbox(_) => "stop-sandbox".into(),
        Action::FinishDeletion => "finish".into(),
        Action::Forget => "forget".into(),
    }
}

fn two() -> Value {
    json!({"containers": [{"name": "a"}, {"name": "b"}]})
}

fn with_init(policy: &str) -> Value {
    json!({"restartPolicy": policy, "containers": [{"name": "a"}], "initContainers": [
        {"name": "i"}, {"name": "side", "restartPolicy": "Always"}, {"name": "j"}]})
}

fn job(policy: &str) -> Value {
    json!({"restartPolicy": policy, "containers": [{"name": "a"}]})
}

#[test]
fn a_pod_comes_up_step_by_step() {
    let no_volumes = Case::new(two()).change(|c| c.memory.volumes_ready = false);
    assert_eq!(no_volumes.plan(), "volumes");
    let no_sandbox = Case::new(two()).change(|c| c.state.sandbox = None);
    assert_eq!(no_sandbox.plan(), "sandbox#0");
    let dead = Case::new(two()).change(|c| c.state.sandbox.as_mut().unwrap().ready = false);
    assert_eq!(dead.plan(), "sandbox#1");
    let working = Case::new(two()).change(|c| c.memory.pod_work = Work::Starting);
    assert_eq!(working.plan(), "");
    assert_eq!(Case::new(two()).plan(), "start:a#0 start:b#0");
    assert_eq!(Case::new(two()).with("a").plan(), "start:b#0");
    assert_eq!(Case::new(two()).with("a b").plan(), "");
}

#[test]
fn init_containers_run_one_by_one_and_sidecars_stay() {
    let cases = [
        ("", "start:i#0"),
        ("i", ""),
        ("i=0", "start:side#0"),
        ("i=1", "start:i#1"),
        ("i=0 side", "start:j#0"),
        ("i=0 side j", ""),
        ("i=0 side j=0", "start:a#0"),
        ("i=0 side j=0 a", ""),
        ("side=1 a", "start:side#1"),
        ("side a", ""),
    ];
    for (containers, expected) in cases {
        assert_eq!(
            Case::new(with_init("Always")).with(containers).plan(),
            expected,
            "{containers}"
        );
    }
    let unstarted = Case::new(with_init("Always"))
        .with("i=0 side")
        .change(|c| c.memory.container_mut("side").health.started = false);
    assert_eq!(unstarted.plan(), "");
}

#[test]
fn the_policy_decides_who_runs_again() {
    let cases = [
        ("Always", "a=0", "start:a#1", "Running"),
        ("Always", "a=1", "start:a#1", "Running"),
        ("OnFailure", "a=0", "stop-sandbox", "Succeeded"),
        ("OnFailure", "a=3", "start:a#1", "Running"),
        ("Never", "a=0", "stop-sandbox", "Succeeded"),
        ("Never", "a=3", "stop-sandbox", "Failed"),
        ("Never", "a", "", "Running"),
    ];
    for (policy, containers, plan, phase) in cases {
        let case = Case::new(job(policy)).with(containers);
        assert_eq!(case.plan(), plan, "{policy} {containers}");
        assert_eq!(case.status().phase.as_deref(), Some(phase), "{policy} {containers}");
    }
}

#[test]
fn a_container_s_own_rules_go_before_the_pod_s_policy() {
    let rule = json!([{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]);
    let spec = json!({"restartPolicy": "Always", "containers": [
        {"name": "a", "restartPolicy": "Never", "restartPolicyRules": rule}]});
    assert_eq!(Case::new(spec.clone()).with("a=42").plan(), "start:a#1");
    assert_eq!(Case::new(spec).with("a=1").plan(), "stop-sandbox");
}

#[test]
fn a_crash_loop_pauses_and_says_so() {
    let case = Case::new(job("Always")).with("a#2=1@30 a#3=1@5").change(|c| {
        let backoff = BackOff { delay: Duration::from_secs(20), updated_at: at(NOW_S - 6) };
        c.memory.container_mut("a").restart = Some(backoff);
    });
    assert_eq!(case.plan(), "wake+15");
    let status = case.status();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    let container = &status.container_statuses.as_ref().unwrap()[0];
    let waiting = container.state.as_ref().unwrap().waiting.as_ref().unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("CrashLoopBackOff"));
    let message = "back-off 20s restarting failed container=a pod=p_n(u)";
    assert_eq!(waiting.message.as_deref(), Some(message));
    assert_eq!((container.restart_count, container.ready), (3, false));
    let last = container.last_state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (1, Some("Error")));
}

#[test]
fn old_runs_are_forgotten_and_the_doomed_are_stopped() {
    let pruned = Case::new(job("Always")).with("a#0=1 a#1=1 a#2");
    assert_eq!(pruned.plan(), "remove:a-0-0");
    let doomed = Case::new(job("Always")).with("a").change(|c| {
        c.memory.container_mut("a").health.doomed = Some((StopReason::Liveness, None));
    });
    assert_eq!(doomed.plan(), "stop:a/30s/Liveness");
}

fn deleted(grace: i64) -> impl FnOnce(&mut Case) {
    move |case| {
        let time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(NOW_S));
        case.pod.metadata.deletion_timestamp = Some(time);
        case.pod.metadata.deletion_grace_period_seconds = Some(grace);
        case.memory.ending_since = Some(at(NOW_S - 1));
    }
}

#[test]
fn a_deleted_pod_goes_down_in_order() {
    let cases = [
        ("side a", "stop:a/5s"),
        ("side a=0", "stop:side/4s"),
        ("side=0 a=0", "stop-sandbox"),
        ("", "stop-sandbox"),
    ];
    for (containers, expected) in cases {
        let case = Case::new(with_init("Always")).with(containers).change(deleted(5));
        assert_eq!(case.plan(), expected, "{containers}");
    }
    let mut stopped = Case::new(job("Always")).with("a=143").change(deleted(5));
    stopped.state.sandbox.as_mut().unwrap().ready = false;
    assert_eq!(stopped.plan(), "finish");
    assert_eq!(stopped.status().phase.as_deref(), Some("Failed"));
    stopped.memory.deletion_finished = true;
    assert_eq!(stopped.plan(), "");
    stopped.memory.gone = true;
    assert_eq!(stopped.plan(), "forget");
}

#[test]
fn a_shorter_grace_stops_again_and_a_longer_one_does_not() {
    let stopping = |grace, until| {
        Case::new(job("Always")).with("a").change(deleted(grace)).change(move |c| {
            c.memory.container_mut("a").work = Work::Stopping { until: at(NOW_S + until) };
        })
    };
    assert_eq!(stopping(0, 29).plan(), "stop:a/0s");
    assert_eq!(stopping(30, 29).plan(), "");
    // What was begun in the last look is not begun again in the next one.
    let mut case = Case::new(job("Always")).with("a").change(deleted(30));
    let [Action::Stop { until, .. }] = &plan(case.view()).actions[..] else { panic!("no stop") };
    case.memory.container_mut("a").work = Work::Stopping { until: *until };
    assert_eq!(case.plan(), "");
}

#[test]
fn an_object_that_vanished_ends_at_once() {
    let case = Case::new(job("Always")).with("a").change(|c| c.memory.gone = true);
    assert_eq!(case.plan(), "stop:a/0s");
}

#[test]
fn the_deadline_ends_a_pod() {
    let spec = json!({"activeDeadlineSeconds": 60, "containers": [{"name": "a"}]});
    let mut case = Case::new(spec).with("a");
    assert_eq!(case.plan(), "stop:a/30s");
    case.memory.start_time = Some(at(NOW_S - 20));
    assert_eq!(case.plan(), "wake+40");
    case.memory.start_time = Some(at(NOW_S - 100));
    case = case.change(|c| c.state.containers.clear()).with("a=137");
    let status = case.status();
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
    assert_eq!(status.phase.as_deref(), Some("Failed"));
}

#[test]
fn a_rejected_pod_fails_without_containers() {
    let case = Case::new(two()).change(|c| {
        c.state.sandbox = None;
        c.memory.rejection =
            Some(Rejection { reason: "OutOfcpu".into(), message: "too much".into() });
    });
    assert_eq!(case.plan(), "");
    let status = case.status();
    assert_eq!(
        (status.phase.as_deref(), status.reason.as_deref()),
        (Some("Failed"), Some("OutOfcpu"))
    );
    assert!(status.container_statuses.is_none());
}

/// The conditions in words: `+Type`, `-Type(Reason)`.
fn conditions(status: &PodStatus) -> String {
    let words = status.conditions.iter().flatten().map(|c| {
        let reason = c.reason.as_deref().map(|reason| format!("({reason})")).unwrap_or_default();
        format!("{}{}{reason}", if c.status == "True" { "+" } else { "-" }, c.type_)
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn conditions_tell_how_far_the_pod_is() {
    let cases = [
        (
            "",
            "Pending",
            "-Initialized(ContainersNotInitialized) -Ready(ContainersNotReady) \
                         -ContainersReady(ContainersNotReady)",
        ),
        (
            "i=0 side j=0",
            "Pending",
            "+Initialized -Ready(ContainersNotReady) \
                                    -ContainersReady(ContainersNotReady)",
        ),
        ("i=0 side j=0 a", "Running", "+Initialized +Ready +ContainersReady"),
    ];
    for (containers, phase, expected) in cases {
        let status = Case::new(with_init("Always")).with(containers).status();
        assert_eq!(status.phase.as_deref(), Some(phase), "{containers}");
        let expected = format!("+PodReadyToStartContainers {expected} +PodScheduled");
        assert_eq!(conditions(&status), expected, "{containers}");
    }
    let done = Case::new(job("Never")).with("a=0");
    let expected = "+PodReadyToStartContainers +Initialized(PodCompleted) -Ready(PodCompleted) \
                    -ContainersReady(PodCompleted) +PodScheduled";
    assert_eq!(conditions(&done.status()), expected);
}

#[test]
fn a_readiness_gate_keeps_a_pod_unready_until_it_opens() {
    let spec = json!({"containers": [{"name": "a"}], "readinessGates": [{"conditionType": "x/y"}]});
    let mut case = Case::new(spec).with("a");
    assert!(conditions(&case.status()).contains("-Ready(ReadinessGatesNotReady) +ContainersReady"));
    case.pod.status = Some(
        serde_json::from_value(json!({"conditions": [{"type": "x/y", "status": "True"}]})).unwrap(),
    );
    assert!(conditions(&case.status()).contains("+Ready +ContainersReady +PodScheduled +x/y"));
}

#[test]
fn a_failed_pull_shows_its_error_and_then_the_back_off() {
    let failed = |ago: i64| {
        Case::new(job("Always")).change(move |c| {
            c.memory.container_mut("a").setback = Some(Setback {
                reason: "ErrImagePull".into(),
                message: "no".into(),
                failed_at: at(NOW_S - ago),
                retry_at: at(NOW_S - ago + 10),
            });
        })
    };
    for (ago, plan, reason) in [(0, "wake+2", "ErrImagePull"), (3, "wake+7", "ImagePullBackOff")] {
        let case = failed(ago);
        assert_eq!(case.plan(), plan);
        let status = case.status();
        let state = status.container_statuses.unwrap()[0].state.clone().unwrap();
        assert_eq!(state.waiting.unwrap().reason.as_deref(), Some(reason));
    }
    assert_eq!(failed(10).plan(), "start:a#0");
}

#[test]
fn addresses_identity_and_generation_are_reported() {
    let status = Case::new(two()).with("a b").status();
    assert_eq!(status.pod_ip.as_deref(), Some("127.64.0.1"));
    assert_eq!(status.host_ip.as_deref(), Some("10.0.0.1"));
    assert_eq!(status.observed_generation, Some(2));
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    let ids: Vec<_> = status.container_statuses.iter().flatten().map(|c| &c.container_id).collect();
    assert_eq!(ids[0].as_deref(), Some("process://a-0-0"));
}
