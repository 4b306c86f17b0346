//! The simulated runtime under virtual time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orchestrator_core::Env;
use orchestrator_core::runtime::{
    ContainerConfig, ContainerOp, ImageOp, Runtime, RuntimeExt, SandboxConfig,
};
use orchestrator_testkit::runtime::{Program, Subject, conformance};

use super::config::node_range;
use super::{SimulatedConfig, SimulatedRuntime, Wheel};

struct Simulation;

fn runtime(env: &Env) -> SimulatedRuntime {
    SimulatedRuntime::new(SimulatedConfig::new(node_range(0)), env.clone(), Wheel::new(env))
}

#[async_trait]
impl Subject for Simulation {
    async fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(runtime(&Env::simulated(1)))
    }

    fn program(&self, _program: Program, _config: &mut ContainerConfig) {}

    fn sandbox(&self, config: &mut SandboxConfig) {
        let declared = [
            ("stubborn", "stop", "999h"),
            ("stubborn", "log", "ready"),
            ("exit-0", "run", "1s"),
            ("exit-0", "log", "done"),
            ("exit-3", "run", "1s"),
            ("exit-3", "exit-code", "3"),
        ];
        for (container, stage, value) in declared {
            let key = format!("{container}.simulate.orchestrator/{stage}");
            config.annotations.insert(key, value.into());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_simulated_runtime_keeps_the_contract() {
    conformance(&Simulation).await;
}

#[tokio::test(start_paused = true)]
async fn stages_take_the_time_they_declare() {
    let env = Env::simulated(7);
    let runtime = runtime(&env);
    let annotations = [("pull", "5s"), ("start", "2s"), ("run", "1m..2m"), ("stop", "10s")];
    let annotations = annotations
        .map(|(stage, value)| (format!("simulate.orchestrator/{stage}"), value.to_owned()));
    let config = SandboxConfig {
        uid: "u".into(),
        annotations: annotations.into(),
        ..SandboxConfig::default()
    };
    let sandbox = runtime.run_sandbox(config).await.unwrap();
    let begin = env.instant();
    let pull = ImageOp::Pull { image: "i".into(), pod: "u".into(), auth: Vec::new() };
    Runtime::image(&runtime, pull).await.unwrap();
    assert_eq!(env.instant() - begin, Duration::from_secs(5));
    let id = runtime.start(ContainerConfig::new(sandbox.clone(), "a")).await.unwrap();
    assert_eq!(env.instant() - begin, Duration::from_secs(7));
    let stop = ContainerOp::Stop { container: id, grace: Duration::from_secs(30) };
    runtime.container(stop).await.unwrap();
    assert_eq!(env.instant() - begin, Duration::from_secs(17));

    runtime.start(ContainerConfig::new(sandbox, "b")).await.unwrap();
    let ran = env.now();
    let mut events = runtime.events();
    futures::StreamExt::next(&mut events).await.unwrap();
    let state = runtime.pod("u").await.unwrap().newest("b").unwrap().clone();
    let seconds = state.exit().unwrap().finished_at.duration_since(ran).as_secs();
    assert!((60..=120).contains(&seconds), "{seconds}");
}
