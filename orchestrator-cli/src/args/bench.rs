//! `orchestrator bench`.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{BenchNode, BenchScheduler, BenchTrace};

#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Measure the store engines, beside a real etcd where one is on PATH.
    #[command(
        after_help = "Puts go through the gRPC face of a server in a process of its own, with \
fsync on; the other rows are measured in this process, on one thread. \
The rate of the simulation is told by `cargo xtask simulate`.

Examples:
  orchestrator bench store
  orchestrator bench store --only gRPC --seconds 10 --plot store.svg --json"
    )]
    Store(BenchStore),
    /// Place the tasks of a trace by policies, and see how much is left unused.
    #[command(after_help = "Examples:
  orchestrator bench trace
  orchestrator bench trace --trace openb --workload all --plot trace.svg
  orchestrator bench trace --trace own.csv --policy best-fit,cutting-stock --timeline")]
    Trace(BenchTrace),
    /// Measure how fast pods get nodes, by the workloads of upstream's scheduler_perf.
    #[command(
        after_help = "A pod counts from the request that makes it until a watch shows it bound. \
Without --kubeconfig an API server and a scheduler run in this process.

Examples:
  orchestrator bench scheduler --list
  orchestrator bench scheduler --workload SchedulingBasic,PreemptionBasic --svg figures.svg
  orchestrator bench scheduler --kubeconfig other.kubeconfig --label kube-scheduler --json > k.json
  orchestrator bench scheduler --compare k.json"
    )]
    Scheduler(Box<BenchScheduler>),
    /// Measure how fast a node of real containers starts pods, beside the bare calls; needs root.
    Node(Box<BenchNode>),
}

#[derive(Args, Debug)]
pub struct BenchStore {
    /// How long each row is measured, after a warm-up of a fifth of that.
    #[arg(long, default_value = "5")]
    pub seconds: NonZeroU32,

    /// How many clients put at the same time, each one key after the other.
    #[arg(long, default_value = "1000")]
    pub clients: NonZeroU16,

    /// Measure only the rows whose name has this in it; may be repeated.
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,

    /// Do not measure etcd.
    #[arg(long)]
    pub no_etcd: bool,

    /// Where the stores keep their files meanwhile; a real disk, or fsync means nothing.
    #[arg(long, default_value = "orchestrator-bench-data", value_name = "DIR")]
    pub dir: PathBuf,

    /// Answer with JSON.
    #[arg(long)]
    pub json: bool,

    /// Draw the figures into this SVG file.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}
