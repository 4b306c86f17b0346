//! Each workload, small, against the cluster in this process.

use std::time::Duration;

use indicatif::ProgressBar;

use super::drive::{self, Plan};
use super::target::Target;
use super::workload::{Counts, WORKLOADS};

#[tokio::test]
async fn each_workload_binds_what_it_measures() {
    for workload in WORKLOADS {
        // Four small pods fill a node where pods are to be preempted.
        let nodes = if workload.counts.nodes == 1 { 1 } else { 8 };
        let init = if workload.name.starts_with("Preemption") { 4 * nodes } else { 3 };
        let counts = Counts { nodes, init, pods: 4, namespaces: workload.counts.namespaces.min(1) };
        let target = Target::in_process(None).await.unwrap();
        let plan = Plan {
            workload,
            counts,
            scheduler: "default-scheduler",
            creators: 4,
            patience: Duration::from_secs(20),
            pids: &[],
        };
        let outcome = drive::run(&target, &plan, &ProgressBar::hidden()).await.unwrap();
        let timed: usize = outcome.latency.bars.iter().map(|(_, count)| count).sum();
        assert_eq!((timed, outcome.nodes), (4, nodes), "{}", workload.name);
        assert!(!outcome.attempts.is_empty(), "{}", workload.name);
        assert!(outcome.rate.average > 0.0 && outcome.memory > 0, "{}", workload.name);
    }
}
