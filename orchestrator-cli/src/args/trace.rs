//! `orchestrator bench trace`.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Who wins among machines with equal scores.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TieRule {
    Seat,
    Random,
}

#[derive(Args, Debug)]
pub struct BenchTrace {
    /// A folder with the openb lists, a DLRM-2025 file, or a file of one's own; without it, a
    /// workload of openb's shape is generated.
    #[arg(long, value_name = "PATH")]
    pub trace: Option<PathBuf>,

    /// Who places tasks: names of policies, `all` of them, `solver` (many tasks at once, by
    /// integer programming), and `scheduler:FILE` for the profiles of a
    /// KubeSchedulerConfiguration. The last two look at every machine for every task: a run over
    /// a thousand machines takes a minute or more.
    #[arg(long, value_delimiter = ',', default_value = "all", value_name = "P,Q")]
    pub policy: Vec<String>,

    /// Which lists of an openb folder: names, `published` for the seventeen of the published
    /// comparison, or `all`.
    #[arg(long, value_delimiter = ',', default_value = "default", value_name = "W,X")]
    pub workload: Vec<String>,

    /// Which seeds: numbers and ranges with both ends, as in `42..51` or `1,7`.
    #[arg(long, value_delimiter = ',', default_value = "42..51", value_name = "SEEDS")]
    pub seeds: Vec<String>,

    /// At which demands the unused GPU is told, in percent of what there is.
    #[arg(long, value_delimiter = ',', default_value = "100,130", value_name = "PERCENT")]
    pub demand: Vec<u32>,

    /// Replay arrivals and departures instead of letting tasks come until the fleet is full.
    #[arg(long)]
    pub timeline: bool,

    /// With --timeline: let tasks come so many times as fast as the trace has it. They stay as
    /// long, so there is a time when not all have room.
    #[arg(long, value_name = "TIMES", default_value = "1", requires = "timeline")]
    pub speed: NonZeroU32,

    /// Who wins among machines with equal scores: the one with the lowest seat, which the seed
    /// deals, or any, by chance. Part of the experiment: results may differ by a factor of two.
    #[arg(long, value_enum, default_value_t = TieRule::Seat)]
    pub ties: TieRule,

    /// How many steps of score are told apart within 1; as many as each policy wants unless said.
    #[arg(long, value_name = "STEPS")]
    pub resolution: Option<NonZeroU32>,

    /// Tell the gap to what could be in use at most, by linear programming.
    #[arg(long, conflicts_with = "timeline")]
    pub bound: bool,

    /// On how many threads; as many as there are cores unless said. The results are the same.
    #[arg(long)]
    pub threads: Option<NonZeroUsize>,

    /// Write every run into this CSV file.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// Write the table into this Markdown file too.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Draw the averages into this SVG file.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}
