//! `orchestrator bench scheduler`.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
pub struct BenchScheduler {
    /// Which workloads, one after the other: names as --list has them, or `all`.
    #[arg(long, value_delimiter = ',', default_value = "SchedulingBasic", value_name = "NAME,...")]
    pub workload: Vec<String>,

    /// List the workloads with their usual counts, and end.
    #[arg(long)]
    pub list: bool,

    #[command(flatten)]
    pub counts: WorkloadCounts,

    /// Measure the scheduler of the API server that this kubeconfig names, instead of a cluster in
    /// this process. It needs a cluster without nodes and pods of its own.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub kubeconfig: Option<PathBuf>,

    /// A KubeSchedulerConfiguration for the scheduler in this process.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The scheduler that the pods ask for.
    #[arg(long, default_value = "default-scheduler", value_name = "NAME")]
    pub scheduler_name: String,

    /// How many requests for new objects are under way at the same time.
    #[arg(long, default_value = "32")]
    pub creators: NonZeroU16,

    /// Give up when no pod was bound for so many seconds.
    #[arg(long, default_value = "60", value_name = "SECONDS")]
    pub patience: NonZeroU32,

    /// Tell the memory and CPU time of these processes instead of this one's, such as those of an
    /// API server and a scheduler; may be repeated.
    #[arg(long, value_name = "PID", requires = "kubeconfig")]
    pub pid: Vec<u32>,

    /// What the figures are called beside others.
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,

    /// Show the figures of an earlier run, written by --json, beside these.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,

    /// Answer with JSON.
    #[arg(long)]
    pub json: bool,

    /// Draw the figures into this SVG file.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// What a workload has, where it shall differ from what is usual.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct WorkloadCounts {
    /// How many nodes there are.
    #[arg(long)]
    pub nodes: Option<usize>,

    /// How many pods are there before the measurement, in each namespace where there are several.
    #[arg(long)]
    pub init_pods: Option<usize>,

    /// How many pods are measured.
    #[arg(long)]
    pub pods: Option<usize>,

    /// How many namespaces the pods before the measurement are in, where there are several.
    #[arg(long)]
    pub namespaces: Option<usize>,
}
