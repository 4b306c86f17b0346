//! The framework passes the suite for schedulers, and so does one written from outside.

use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_core::scheduler::{Decision, Placement, PodInfo, Rejection, Scheduler, Snapshot};
use orchestrator_sched::Framework;
use orchestrator_sched::plugins;
use orchestrator_testkit::scheduler::conforms;

#[tokio::test(start_paused = true)]
async fn the_default_plugins_conform() {
    conforms(&plugins::defaults("default-scheduler").build().unwrap(), &Env::simulated(1));
}

#[tokio::test(start_paused = true)]
async fn a_framework_without_plugins_conforms() {
    conforms(&Framework::builder("bare").build().unwrap(), &Env::simulated(2));
}

/// Takes the first node.
#[derive(Debug)]
struct First;

impl Scheduler for First {
    fn name(&self) -> &str {
        "first"
    }

    fn schedule(&self, _: &PodInfo, snapshot: &Snapshot) -> Decision {
        match snapshot.nodes().first() {
            Some(node) => Decision::Bind(Placement::only(Arc::clone(&node.name))),
            None => Decision::Unschedulable(Rejection::default()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_of_an_outsider_conforms() {
    conforms(&First, &Env::simulated(3));
}
