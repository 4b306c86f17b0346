//! Puts a framework together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Framework;
use super::points::{
    BindPlugin, FilterPlugin, GatePlugin, PermitPlugin, Plugin, PostBindPlugin, PostFilterPlugin,
    PreBindPlugin, QueueSortPlugin, ReservePlugin, ScorePlugin,
};
use crate::plugins::gang_scheduling::Gangs;

/// The plugins at each extension point, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Points {
    pub(super) gates: Vec<Arc<dyn GatePlugin>>,
    /// The last one counts.
    pub(super) queue_sort: Vec<Arc<dyn QueueSortPlugin>>,
    pub(super) filters: Vec<Arc<dyn FilterPlugin>>,
    pub(super) post_filters: Vec<Arc<dyn PostFilterPlugin>>,
    pub(super) scores: Vec<Arc<dyn ScorePlugin>>,
    pub(super) reserves: Vec<Arc<dyn ReservePlugin>>,
    pub(super) permits: Vec<Arc<dyn PermitPlugin>>,
    pub(super) pre_binds: Vec<Arc<dyn PreBindPlugin>>,
    pub(super) binds: Vec<Arc<dyn BindPlugin>>,
    pub(super) post_binds: Vec<Arc<dyn PostBindPlugin>>,
    pub(super) gangs: Option<Gangs>,
}

impl Points {
    /// Adds a gate.
    pub fn gate(&mut self, plugin: Arc<dyn GatePlugin>) -> &mut Self {
        self.gates.push(plugin);
        self
    }

    /// Sets the order of the queue; the last one set counts.
    pub fn queue_sort(&mut self, plugin: Arc<dyn QueueSortPlugin>) -> &mut Self {
        self.queue_sort.push(plugin);
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

    /// Adds somebody who is told of bound pods.
    pub fn post_bind(&mut self, plugin: Arc<dyn PostBindPlugin>) -> &mut Self {
        self.post_binds.push(plugin);
        self
    }

    /// Has the pods of these gangs placed together; the last ones set count.
    pub fn gangs(&mut self, gangs: Gangs) -> &mut Self {
        self.gangs = Some(gangs);
        self
    }

    /// Keeps of the plugins at `point` those that `order` names, in its order.
    fn arrange(&mut self, point: Point, order: &[String]) {
        match point {
            Point::PreEnqueue => arrange(&mut self.gates, order),
            Point::QueueSort => arrange(&mut self.queue_sort, order),
            Point::Filter => arrange(&mut self.filters, order),
            Point::PostFilter => arrange(&mut self.post_filters, order),
            Point::Score => arrange(&mut self.scores, order),
            Point::Reserve => arrange(&mut self.reserves, order),
            Point::Permit => arrange(&mut self.permits, order),
            Point::PreBind => arrange(&mut self.pre_binds, order),
            Point::Bind => arrange(&mut self.binds, order),
            Point::PostBind => arrange(&mut self.post_binds, order),
        }
    }

    /// The names of the plugins at `point`, in order.
    fn names(&self, point: Point) -> Vec<&'static str> {
        match point {
            Point::PreEnqueue => names(&self.gates),
            Point::QueueSort => names(&self.queue_sort),
            Point::Filter => names(&self.filters),
            Point::PostFilter => names(&self.post_filters),
            Point::Score => names(&self.scores),
            Point::Reserve => names(&self.reserves),
            Point::Permit => names(&self.permits),
            Point::PreBind => names(&self.pre_binds),
            Point::Bind => names(&self.binds),
            Point::PostBind => names(&self.post_binds),
        }
    }
}

fn arrange<P: Plugin + ?Sized>(plugins: &mut Vec<Arc<P>>, order: &[String]) {
    let place = |plugin: &Arc<P>| order.iter().position(|name| name == plugin.name());
    plugins.retain(|plugin| place(plugin).is_some());
    plugins.sort_by_key(place);
}

fn names<P: Plugin + ?Sized>(plugins: &[Arc<P>]) -> Vec<&'static str> {
    plugins.iter().map(|plugin| plugin.name()).collect()
}

/// An extension point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Whether a pod may be tried at all.
    PreEnqueue,
    /// The order of the queue.
    QueueSort,
    /// Which nodes can take a pod; PreFilter too.
    Filter,
    /// What is done for a pod that no node can take.
    PostFilter,
    /// How good a node is; PreScore too.
    Score,
    /// What is set aside for a pod.
    Reserve,
    /// Whether a pod may be bound now.
    Permit,
    /// What is done before a pod is bound.
    PreBind,
    /// How a pod is bound.
    Bind,
    /// Who is told of it.
    PostBind,
}

impl Point {
    /// All points, in the order of a pod's way through them.
    pub const ALL: [Self; 10] = [
        Self::PreEnqueue,
        Self::QueueSort,
        Self::Filter,
        Self::PostFilter,
        Self::Score,
        Self::Reserve,
        Self::Permit,
        Self::PreBind,
        Self::Bind,
        Self::PostBind,
    ];

    /// The name, as configurations have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreEnqueue => "preEnqueue",
            Self::QueueSort => "queueSort",
            Self::Filter => "filter",
            Self::PostFilter => "postFilter",
            Self::Score => "score",
            Self::Reserve => "reserve",
            Self::Permit => "permit",
            Self::PreBind => "preBind",
            Self::Bind => "bind",
            Self::PostBind => "postBind",
        }
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
    /// A plugin is wanted at a point that it does not implement.
    #[error("{plugin} is not at the point {point}")]
    NotThere {
        /// The plugin.
        plugin: String,
        /// The point.
        point: &'static str,
    },
    /// Nobody would bind pods.
    #[error("no plugin binds")]
    NoBind,
}

/// Puts a [`Framework`] together from plugins; their order is the order in which they are asked.
#[derive(Debug, Default)]
#[must_use]
pub struct FrameworkBuilder {
    name: String,
    plugins: Vec<Arc<dyn Plugin>>,
    weights: BTreeMap<String, i64>,
    /// Weights that mean nothing where the plugin does not score.
    weights_if_scoring: BTreeMap<String, i64>,
    order: BTreeMap<Point, Vec<String>>,
    wanted: Vec<(Point, String)>,
}

impl FrameworkBuilder {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a plugin after those that are there.
    pub fn with(self, plugin: impl Plugin) -> Self {
        self.with_shared(Arc::new(plugin))
    }

    /// Adds a plugin after those that are there.
    pub fn with_shared(mut self, plugin: Arc<dyn Plugin>) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// Keeps at `point` only those of the plugins there that `order` names, in its order.
    pub fn among(mut self, point: Point, order: Vec<String>) -> Self {
        self.order.insert(point, order);
        self
    }

    /// Demands that these plugins are at `point`.
    pub fn must_have(mut self, point: Point, plugins: Vec<String>) -> Self {
        self.wanted.extend(plugins.into_iter().map(|name| (point, name)));
        self
    }

    /// Sets the weight of a plugin's score where it has one.
    pub fn weight_if_scoring(mut self, name: &str, weight: i64) -> Self {
        self.weights_if_scoring.insert(name.to_owned(), weight);
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
        for (point, order) in &self.order {
            points.arrange(*point, order);
        }
        for (point, plugin) in &self.wanted {
            if !points.names(*point).contains(&plugin.as_str()) {
                let point = point.name();
                return Err(BuildError::NotThere { plugin: plugin.clone(), point });
            }
        }
        // A framework without any such wish may be for deciding only.
        if self.order.contains_key(&Point::Bind) && points.binds.is_empty() {
            return Err(BuildError::NoBind);
        }
        for (name, weight) in &self.weights {
            if *weight <= 0 {
                return Err(BuildError::Weight(name.clone()));
            }
            if !points.scores.iter().any(|plugin| plugin.name() == name) {
                return Err(BuildError::NoScore(name.clone()));
            }
        }
        let weight = |plugin: &Arc<dyn ScorePlugin>| {
            let name = plugin.name();
            let weight = self.weights.get(name).or(self.weights_if_scoring.get(name));
            weight.copied().unwrap_or(1)
        };
        let weights = points.scores.iter().map(weight).collect();
        Ok(Framework { name: self.name, points, weights })
    }
}
