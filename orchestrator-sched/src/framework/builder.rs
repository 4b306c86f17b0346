//! Puts a framework together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Framework;
use super::points::{
    BindPlugin, FilterPlugin, GatePlugin, PermitPlugin, Plugin, PostFilterPlugin, PreBindPlugin,
    QueueSortPlugin, ReservePlugin, ScorePlugin,
};

/// The plugins at each extension point, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Points {
    pub(super) gates: Vec<Arc<dyn GatePlugin>>,
    pub(super) queue_sort: Option<Arc<dyn QueueSortPlugin>>,
    pub(super) filters: Vec<Arc<dyn FilterPlugin>>,
    pub(super) post_filters: Vec<Arc<dyn PostFilterPlugin>>,
    pub(super) scores: Vec<Arc<dyn ScorePlugin>>,
    pub(super) reserves: Vec<Arc<dyn ReservePlugin>>,
    pub(super) permits: Vec<Arc<dyn PermitPlugin>>,
    pub(super) pre_binds: Vec<Arc<dyn PreBindPlugin>>,
    pub(super) binds: Vec<Arc<dyn BindPlugin>>,
}

impl Points {
    /// Adds a gate.
    pub fn gate(&mut self, plugin: Arc<dyn GatePlugin>) -> &mut Self {
        self.gates.push(plugin);
        self
    }

    /// Sets the order of the queue; the last one set counts.
    pub fn queue_sort(&mut self, plugin: Arc<dyn QueueSortPlugin>) -> &mut Self {
        self.queue_sort = Some(plugin);
        self
    }

    /// Adds a filter.
    pub fn filter(&mut self, plugin: Arc<dyn FilterPlugin>) -> &mut Self {
        self.filters.push(plugin);
        self
    }

    /// Adds a remedy for pods that no node can take.
    pub fn post_filter(&mut self, plugin: Arc<dyn PostFilterPlugin>) -> &mut Self {
        self.post_filters.push(plugin);
        self
    }

    /// Adds a score.
    pub fn score(&mut self, plugin: Arc<dyn ScorePlugin>) -> &mut Self {
        self.scores.push(plugin);
        self
    }

    /// Adds a reservation.
    pub fn reserve(&mut self, plugin: Arc<dyn ReservePlugin>) -> &mut Self {
        self.reserves.push(plugin);
        self
    }

    /// Adds a permission.
    pub fn permit(&mut self, plugin: Arc<dyn PermitPlugin>) -> &mut Self {
        self.permits.push(plugin);
        self
    }

    /// Adds a step before binding.
    pub fn pre_bind(&mut self, plugin: Arc<dyn PreBindPlugin>) -> &mut Self {
        self.pre_binds.push(plugin);
        self
    }

    /// Adds a way to bind; the first that does not skip binds.
    pub fn bind(&mut self, plugin: Arc<dyn BindPlugin>) -> &mut Self {
        self.binds.push(plugin);
        self
    }
}

/// Why a [`Framework`] cannot be built.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Two plugins have one name.
    #[error("two plugins are called {0}")]
    Duplicate(&'static str),
    /// A weight is given for a plugin that does not score.
    #[error("{0} has a weight but does not score")]
    NoScore(String),
    /// A weight is not positive.
    #[error("the weight of {0} is not positive")]
    Weight(String),
}

/// Puts a [`Framework`] together from plugins; their order is the order in which they are asked.
#[derive(Debug, Default)]
#[must_use]
pub struct FrameworkBuilder {
    name: String,
    plugins: Vec<Arc<dyn Plugin>>,
    weights: BTreeMap<String, i64>,
    without_score: BTreeSet<String>,
}

impl FrameworkBuilder {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a plugin after those that are there.
    pub fn with(mut self, plugin: impl Plugin) -> Self {
        self.plugins.push(Arc::new(plugin));
        self
    }

    /// Adds a plugin in the place of the one with its name, or after those that are there.
    pub fn replace(mut self, plugin: impl Plugin) -> Self {
        match self.plugins.iter().position(|other| other.name() == plugin.name()) {
            Some(index) => self.plugins[index] = Arc::new(plugin),
            None => self.plugins.push(Arc::new(plugin)),
        }
        self
    }

    /// Takes a plugin out.
    pub fn without(mut self, name: &str) -> Self {
        self.plugins.retain(|plugin| plugin.name() != name);
        self
    }

    /// Sets the weight of a plugin's score, which is 1 otherwise.
    pub fn weight(mut self, name: &str, weight: i64) -> Self {
        self.weights.insert(name.to_owned(), weight);
        self
    }

    /// Keeps a plugin, but not its score.
    pub fn without_score(mut self, name: &str) -> Self {
        self.without_score.insert(name.to_owned());
        self.weights.remove(name);
        self
    }

    /// Checks and builds.
    ///
    /// # Errors
    /// A name is there twice, or a weight makes no sense.
    pub fn build(self) -> Result<Framework, BuildError> {
        let mut points = Points::default();
        let mut names = BTreeSet::new();
        for plugin in &self.plugins {
            if !names.insert(plugin.name()) {
                return Err(BuildError::Duplicate(plugin.name()));
            }
            Arc::clone(plugin).extend(&mut points);
        }
        points.scores.retain(|plugin| !self.without_score.contains(plugin.name()));
        for (name, weight) in &self.weights {
            if *weight <= 0 {
                return Err(BuildError::Weight(name.clone()));
            }
            if !points.scores.iter().any(|plugin| plugin.name() == name) {
                return Err(BuildError::NoScore(name.clone()));
            }
        }
        let weight =
            |plugin: &Arc<dyn ScorePlugin>| self.weights.get(plugin.name()).copied().unwrap_or(1);
        let weights = points.scores.iter().map(weight).collect();
        Ok(Framework { name: self.name, points, weights })
    }
}
