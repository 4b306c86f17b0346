//! Who takes part in a bench: a name, and how it is made for a workload.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use orchestrator_core::scheduler::Scheduler;

use super::choose::{Chooser, Decider, Scheduled, Scored};
use super::cluster;
use super::policy::{
    BestFit, CuttingStock, DotProduct, FragmentationGradient, GpuClustering, GpuPacking, Policy,
    Random, WorstFit,
};
use super::replay::{Fleet, Rules};
use super::workload::Workload;
use crate::batch::BatchPlanner;
use crate::config::{ConfigError, Configuration};

/// A scheduling algorithm that takes part in a bench: a [`Policy`], a [`Scheduler`], a profile of
/// plugins, or a [`BatchPlanner`].
#[derive(Clone)]
pub struct Contender {
    name: Arc<str>,
    make: Make,
}

type Make = Arc<dyn Fn(&Workload) -> Algorithm + Send + Sync>;

/// What a contender is for one workload.
pub(super) enum Algorithm {
    /// Scores of machines.
    Policy(Box<dyn Policy>),
    /// Decisions about pods.
    Scheduler(Arc<dyn Scheduler>),
    /// Plans for so many pods at once.
    Planner(Arc<dyn BatchPlanner>, usize),
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contender").field(&self.name).finish()
    }
}

impl Contender {
    fn new(name: &str, make: impl Fn(&Workload) -> Algorithm + Send + Sync + 'static) -> Self {
        Self { name: name.into(), make: Arc::new(make) }
    }

    /// A policy, made for each workload.
    pub fn policy<P: Policy>(
        name: &str,
        make: impl Fn(&Workload) -> P + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, move |workload| Algorithm::Policy(Box::new(make(workload))))
    }

    /// A scheduler, made for each workload; it sees machines and tasks as nodes and pods.
    pub fn scheduler(
        name: &str,
        make: impl Fn(&Workload) -> Arc<dyn Scheduler> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, move |workload| Algorithm::Scheduler(make(workload)))
    }

    /// A planner, made for each workload, which plans for so many tasks at once; in a timeline,
    /// for those that come in the same second or wait.
    pub fn planner(
        name: &str,
        at_once: usize,
        make: impl Fn(&Workload) -> Arc<dyn BatchPlanner> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, move |workload| Algorithm::Planner(make(workload), at_once))
    }

    /// The profiles of a `KubeSchedulerConfiguration`, which may name the plugins of the
    /// [registry](cluster::registry); called `name`, with the scheduler's name behind where there
    /// are several.
    ///
    /// # Errors
    /// The text cannot be used.
    pub fn configured(name: &str, text: &str) -> Result<Vec<Self>, ConfigError> {
        let read = |text: &str, workload: &Workload| {
            Configuration::parse(text, &cluster::registry(workload))
        };
        let profiles = read(text, &Workload::default())?.profiles;
        let contender = |(index, profile): (usize, &Arc<crate::Framework>)| {
            let name = match profiles.len() {
                1 => name.to_owned(),
                _ => format!("{name}/{}", profile.name()),
            };
            let text = text.to_owned();
            Self::scheduler(&name, move |workload| {
                let configuration = read(&text, workload).expect("it was read before");
                Arc::clone(&configuration.profiles[index]) as Arc<dyn Scheduler>
            })
        };
        Ok(profiles.iter().enumerate().map(contender).collect())
    }

    /// The profiles of a file, called after it.
    ///
    /// # Errors
    /// It cannot be read or used.
    pub fn from_file(path: &Path) -> Result<Vec<Self>, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|why| ConfigError::Read(shown, why))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::configured(&name, &text)
    }

    /// The shipped policies.
    pub fn shipped() -> Vec<Self> {
        vec![
            Self::policy("random", |_| Random),
            Self::policy("dot-product", |_| DotProduct),
            Self::policy("gpu-clustering", |_| GpuClustering),
            Self::policy("gpu-packing", |_| GpuPacking),
            Self::policy("best-fit", |_| BestFit),
            Self::policy("worst-fit", |_| WorstFit),
            Self::policy("fragmentation-gradient", FragmentationGradient::new),
            Self::policy("cutting-stock", CuttingStock::new),
        ]
    }

    /// A planner by integer programming, for 32 tasks at once: most GPU is placed, where the
    /// fragmentation gradient likes it best.
    #[cfg(feature = "solver")]
    pub fn solver() -> Self {
        Self::planner("solver", 32, |workload| {
            let gradient = Arc::new(FragmentationGradient::new(workload));
            let framework = crate::Framework::builder("solver")
                .with(crate::plugins::NodeResourcesFit::default())
                .with(cluster::GpuShare)
                .with(cluster::Preference::new("FragmentationGradient", gradient))
                .among(crate::framework::Point::Score, vec!["FragmentationGradient".to_owned()])
                .build()
                .expect("the plugins have different names");
            let gpu = |pod: &orchestrator_core::scheduler::PodInfo| {
                let milli = super::workload::Shape::of(pod).gpu_total();
                u32::try_from(milli + 1).unwrap_or(u32::MAX)
            };
            Arc::new(crate::batch::Solver::new(Arc::new(framework)).valued_by(gpu))
        })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(super) fn algorithm(&self, workload: &Workload) -> Algorithm {
        (self.make)(workload)
    }
}

impl Algorithm {
    /// Who chooses in one run.
    pub(super) fn chooser(&self, fleet: &Fleet, rules: Rules) -> Box<dyn Chooser + '_> {
        let decider = match self {
            Self::Policy(policy) => return Box::new(Scored::new(&**policy, rules)),
            Self::Scheduler(scheduler) => Decider::Scheduler(&**scheduler),
            Self::Planner(planner, _) => Decider::Planner(&**planner),
        };
        Box::new(Scheduled::new(decider, fleet, rules))
    }

    /// How many steps of score it tells apart within 1.
    pub(super) fn resolution(&self) -> u32 {
        match self {
            Self::Policy(policy) => policy.resolution(),
            Self::Scheduler(_) | Self::Planner(..) => 1,
        }
    }

    /// How many tasks it takes at once.
    pub(super) fn at_once(&self) -> usize {
        match self {
            Self::Policy(_) | Self::Scheduler(_) => 1,
            Self::Planner(_, at_once) => *at_once,
        }
    }
}
