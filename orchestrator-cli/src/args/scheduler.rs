//! `orchestrator scheduler`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Scheduler {
    #[command(subcommand)]
    pub command: Option<SchedulerCommand>,

    /// The kubeconfig that names the API server.
    #[arg(long, value_name = "FILE", required = true)]
    pub kubeconfig: Option<PathBuf>,

    /// A KubeSchedulerConfiguration: the profiles, their plugins and arguments.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum SchedulerCommand {
    /// Compare recorded decisions with ours.
    #[command(after_help = "Each file has one recording per line, a case or a script; files that \
end in .gz are unpacked. The profiles are those of --config, or else of a scheduler-config.json \
beside each file, or else the default ones.")]
    Check {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,

        /// A KubeSchedulerConfiguration with the profiles that the recordings name.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}
