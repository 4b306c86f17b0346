//! `orchestrator bench node`.

use std::path::PathBuf;

use clap::Args;

use super::Containers;

#[derive(Args, Debug)]
pub struct BenchNode {
    /// How often one pod is started by itself.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,

    /// How many pods are started at once; a node takes 110.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=110))]
    pub pods: u32,

    #[command(flatten)]
    pub containers: Containers,

    /// Where the node keeps its files meanwhile.
    #[arg(long, default_value = "orchestrator-bench-data", value_name = "DIR")]
    pub dir: PathBuf,
}
