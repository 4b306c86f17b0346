//! The suite that every [`Runtime`] must pass.
//!
//! A runtime brings a [`Subject`]: how to make an empty one, and how to write the few programs
//! that the suite needs as containers of it. [`conformance`] then checks the contract, clause by
//! clause; it panics at the first one that is broken.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use orchestrator_core::node::{ExecOptions, LogOptions};
use orchestrator_core::runtime::{
    ContainerConfig, ContainerId, ContainerOp, ContainerState, ImageOp, PodState, Runtime,
    RuntimeError, RuntimeEvent, RuntimeExt, SandboxConfig, SandboxId, SandboxOp,
};

/// What a container of the suite does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Runs until it is stopped; ends at the signal.
    Forever,
    /// Runs until it is killed; takes no notice of the signal from when it writes `ready`.
    Stubborn,
    /// Ends at once with this code, after it wrote the line `done`.
    Exit(i32),
}

/// A runtime under test.
#[async_trait]
pub trait Subject: Send + Sync {
    /// An empty runtime.
    async fn runtime(&self) -> Arc<dyn Runtime>;

    /// Makes a container do what `program` says; the sandbox is that of the container.
    fn program(&self, program: Program, config: &mut ContainerConfig);

    /// Prepares a sandbox whose containers are named after their programs.
    fn sandbox(&self, _config: &mut SandboxConfig) {}
}

/// Checks every clause of the contract.
///
/// # Panics
/// At the first clause that the runtime breaks.
pub async fn conformance(subject: &dyn Subject) {
    sandboxes_come_and_go(subject).await;
    containers_run_and_end(subject).await;
    a_stop_has_grace_and_may_be_shortened(subject).await;
    operations_are_idempotent(subject).await;
    a_start_needs_a_sandbox(subject).await;
    attempts_are_kept_apart(subject).await;
    changes_are_told_to_every_subscriber(subject).await;
    logs_show_what_was_written(subject).await;
    commands_run_beside_the_container(subject).await;
    images_can_be_asked_for(subject).await;
}

struct Bench<'a> {
    subject: &'a dyn Subject,
    runtime: Arc<dyn Runtime>,
    sandbox: SandboxId,
}

const UID: &str = "5b0c7a30-0000-4000-8000-000000000001";

impl<'a> Bench<'a> {
    async fn new(subject: &'a dyn Subject) -> Self {
        let runtime = subject.runtime().await;
        let mut config = SandboxConfig {
            uid: UID.into(),
            namespace: "default".into(),
            name: "pod".into(),
            hostname: "pod".into(),
            ..SandboxConfig::default()
        };
        subject.sandbox(&mut config);
        let sandbox = runtime.run_sandbox(config).await.expect("a sandbox runs");
        Self { subject, runtime, sandbox }
    }

    fn config(&self, name: &str, program: Program) -> ContainerConfig {
        let mut config = ContainerConfig::new(self.sandbox.clone(), name);
        self.subject.program(program, &mut config);
        config
    }

    async fn start(&self, name: &str, program: Program) -> ContainerId {
        self.runtime.start(self.config(name, program)).await.expect("a container starts")
    }

    async fn pod(&self) -> PodState {
        self.runtime.pod(UID).await.expect("the runtime answers")
    }

    /// The state of a container once `accept` likes it; driven by events, never by time.
    async fn container(
        &self,
        id: &ContainerId,
        accept: fn(&ContainerState) -> bool,
    ) -> ContainerState {
        let mut events = self.runtime.events();
        loop {
            let pod = self.pod().await;
            if let Some(state) = pod.containers.iter().find(|c| c.id == *id && accept(c)) {
                return state.clone();
            }
            events.next().await.expect("events never end");
        }
    }

    async fn exited(&self, id: &ContainerId) -> ContainerState {
        self.container(id, |state| state.exit().is_some()).await
    }

    async fn stop(&self, container: &ContainerId, grace: Duration) {
        let op = ContainerOp::Stop { container: container.clone(), grace };
        self.runtime.container(op).await.expect("a stop succeeds");
    }
}

async fn sandboxes_come_and_go(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let sandbox = bench.pod().await.sandbox.expect("the sandbox is reported");
    assert!(sandbox.ready && !sandbox.ips.is_empty(), "a sandbox that runs has an address");
    let container = bench.start("forever", Program::Forever).await;
    bench.runtime.sandbox(SandboxOp::Stop(bench.sandbox.clone())).await.expect("it stops");
    let pod = bench.pod().await;
    assert!(!pod.sandbox.expect("a stopped sandbox is reported").ready);
    assert!(bench.exited(&container).await.exit().is_some(), "its containers stop with it");
    bench.runtime.sandbox(SandboxOp::Remove(bench.sandbox.clone())).await.expect("it goes");
    assert_eq!(bench.pod().await, PodState::empty(UID));
    assert!(bench.runtime.pods(None).await.expect("the runtime answers").is_empty());
}

async fn containers_run_and_end(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let forever = bench.start("forever", Program::Forever).await;
    let state = bench.container(&forever, ContainerState::is_running).await;
    assert!(state.started_at.is_some(), "a container that runs has a start");
    for code in [0, 3] {
        let id = bench.start(&format!("exit-{code}"), Program::Exit(code)).await;
        let state = bench.exited(&id).await;
        let exit = state.exit().expect("it has ended");
        assert_eq!((exit.code, exit.signal), (code, None));
        assert!(exit.finished_at >= state.created_at);
    }
    let pod = bench.pod().await;
    let names: Vec<&str> = pod.containers.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["forever", "exit-0", "exit-3"], "containers come in order of start");
}

async fn a_stop_has_grace_and_may_be_shortened(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let forever = bench.start("forever", Program::Forever).await;
    bench.stop(&forever, Duration::from_secs(3600)).await;
    assert!(bench.exited(&forever).await.exit().is_some(), "a stop returns when it has ended");
    let stubborn = bench.start("stubborn", Program::Stubborn).await;
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut log = bench.runtime.logs(stubborn.clone(), options).await.expect("the log opens");
    assert_eq!(log.next().await.as_deref(), Some(&b"ready\n"[..]));
    let long = bench.stop(&stubborn, Duration::from_secs(3600));
    let short = bench.stop(&stubborn, Duration::ZERO);
    futures::join!(long, short);
    let state = bench.exited(&stubborn).await;
    assert_eq!(state.exit().expect("it has ended").code, 137, "it was killed");
}

async fn operations_are_idempotent(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let config = bench.config("forever", Program::Forever);
    let first = bench.runtime.start(config.clone()).await.expect("it starts");
    let again = bench.runtime.start(config).await.expect("the same start succeeds");
    assert_eq!(first, again, "name and attempt are one container");
    for _ in 0..2 {
        bench.stop(&first, Duration::ZERO).await;
    }
    for _ in 0..2 {
        let remove = ContainerOp::Remove(first.clone());
        bench.runtime.container(remove).await.expect("a removal succeeds");
        assert!(bench.pod().await.containers.is_empty());
    }
    bench.stop(&first, Duration::ZERO).await;
    for op in [SandboxOp::Stop, SandboxOp::Remove, SandboxOp::Remove, SandboxOp::Stop] {
        bench.runtime.sandbox(op(bench.sandbox.clone())).await.expect("it succeeds again");
    }
}

async fn a_start_needs_a_sandbox(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let mut config = bench.config("forever", Program::Forever);
    config.sandbox = "no-such-sandbox".into();
    let error = bench.runtime.start(config).await.expect_err("there is no sandbox");
    assert!(matches!(error, RuntimeError::NotFound(_)), "{error:?}");
}

async fn attempts_are_kept_apart(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let mut config = bench.config("exit-3", Program::Exit(3));
    let first = bench.runtime.start(config.clone()).await.expect("it starts");
    bench.exited(&first).await;
    config.attempt = 1;
    let second = bench.runtime.start(config).await.expect("it starts again");
    assert_ne!(first, second);
    bench.exited(&second).await;
    let pod = bench.pod().await;
    assert_eq!(pod.newest("exit-3").map(|c| &c.id), Some(&second));
    assert_eq!(pod.before("exit-3", 1).map(|c| &c.id), Some(&first));
}

async fn changes_are_told_to_every_subscriber(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let (mut one, mut other) = (bench.runtime.events(), bench.runtime.events());
    let id = bench.start("exit-0", Program::Exit(0)).await;
    bench.exited(&id).await;
    for events in [&mut one, &mut other] {
        let event = events.next().await.expect("events never end");
        assert!(event == RuntimeEvent::Pod(UID.into()) || event == RuntimeEvent::All);
    }
}

async fn logs_show_what_was_written(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let id = bench.start("exit-0", Program::Exit(0)).await;
    bench.exited(&id).await;
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let log = bench.runtime.logs(id, options).await.expect("the log opens");
    let bytes = log.collect::<Vec<_>>().await.concat();
    assert_eq!(String::from_utf8_lossy(&bytes), "done\n", "a log ends with its container");
    let missing = bench.runtime.logs("no-such-container".into(), LogOptions::default()).await;
    assert!(matches!(missing.err(), Some(RuntimeError::NotFound(_))));
}

async fn commands_run_beside_the_container(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let forever = bench.start("forever", Program::Forever).await;
    let options = |command: &[&str]| ExecOptions {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        stdout: true,
        ..ExecOptions::default()
    };
    let session = bench.runtime.session(forever.clone(), options(&["true"])).await;
    assert_eq!(session.expect("it runs").exit.await, Ok(0));
    bench.stop(&forever, Duration::ZERO).await;
    let error = bench.runtime.session(forever, options(&["true"])).await;
    assert!(matches!(error.err(), Some(RuntimeError::NotRunning(_))));
}

async fn images_can_be_asked_for(subject: &dyn Subject) {
    let bench = Bench::new(subject).await;
    let pull = ImageOp::Pull { image: "example/app".into(), pod: UID.into(), auth: Vec::new() };
    let pulled = bench.runtime.image(pull).await.expect("it is pulled");
    assert!(pulled.is_some());
    let status = ImageOp::Status("example/app".into());
    assert!(bench.runtime.image(status).await.expect("the runtime answers").is_some());
}
