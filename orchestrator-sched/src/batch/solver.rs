//! A plan by integer programming.
//!
//! Pods that ask for the same are one class. The scheduler says which nodes may take a class and
//! how good they are; the solver says how many pods of each class each of these nodes gets, such
//! that no resource is overdrawn, most value is placed and, among plans of equal value, the
//! scores are highest. What one pod means to another (spreading, affinity, shares of a GPU) is
//! not in the program: the [wishes are checked](keep_feasible) pod by pod, and those that are not
//! granted get what the scheduler finds.
//!
//! The effort is bounded: a class may choose between so many nodes, and the search ends after
//! so many branches. No clock is read, so a plan depends on pods and snapshot only.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOptions, Variable};
use orchestrator_core::scheduler::{Decision, NodeInfo, PodInfo, Resources, Scheduler, Snapshot};

use super::{BatchPlan, BatchPlanner, keep_feasible};

/// Between how many of its best nodes a class may choose, besides one per pod: enough to get out
/// of the way of others.
const SPARE_NODES: usize = 8;

/// After how many branches the search ends with the best plan found.
const MAX_BRANCHES: u64 = 400;

/// How many priorities are told apart; each costs a search. Those below count as one.
const MAX_PRIORITIES: usize = 8;

/// What a pod is worth.
type Value = Arc<dyn Fn(&PodInfo) -> u32 + Send + Sync>;

/// Plans by integer programming, within what a scheduler allows.
#[derive(Clone)]
pub struct Solver {
    scheduler: Arc<dyn Scheduler>,
    value: Value,
}

/// Pods that ask for the same.
struct Class {
    /// Their places among all pods.
    pods: Vec<usize>,
    requests: Resources,
    /// 0 for the most important.
    rank: usize,
    value: f64,
    /// The places of nodes that may take them, best first, and the totals of their scores.
    nodes: Vec<(usize, i64)>,
    /// Whether there are more such nodes.
    is_cut: bool,
}

impl fmt::Debug for Solver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Solver").field("scheduler", &self.scheduler).finish_non_exhaustive()
    }
}

impl Solver {
    /// Filters and scores are those of `scheduler`; every pod is worth as much as any other.
    pub fn new(scheduler: Arc<dyn Scheduler>) -> Self {
        Self { scheduler, value: Arc::new(|_| 1) }
    }

    /// Pods are worth what `value` says; those worth nothing are planned last.
    #[must_use]
    pub fn valued_by(self, value: impl Fn(&PodInfo) -> u32 + Send + Sync + 'static) -> Self {
        Self { value: Arc::new(value), ..self }
    }

    fn classes(&self, pods: &[Arc<PodInfo>], snapshot: &Snapshot) -> Vec<Class> {
        let priorities: BTreeSet<_> = pods.iter().map(|pod| Reverse(pod.priority)).collect();
        let rank = |pod: &PodInfo| {
            let rank = priorities.iter().position(|other| other.0 == pod.priority);
            rank.unwrap_or_default().min(MAX_PRIORITIES - 1)
        };
        let mut classes: Vec<Class> = Vec::new();
        for (index, pod) in pods.iter().enumerate() {
            match classes.iter_mut().find(|class| is_same(&pods[class.pods[0]], pod)) {
                Some(class) => class.pods.push(index),
                None => classes.push(Class {
                    pods: vec![index],
                    requests: pod.requests.clone(),
                    rank: rank(pod),
                    value: f64::from((self.value)(pod)),
                    nodes: Vec::new(),
                    is_cut: false,
                }),
            }
        }
        for class in &mut classes {
            class.look_for_nodes(&*self.scheduler, &pods[class.pods[0]], snapshot);
        }
        classes
    }
}

impl Class {
    /// Notes which nodes may take `pod`, which is one of the class, and how good they are.
    fn look_for_nodes(&mut self, scheduler: &dyn Scheduler, pod: &PodInfo, snapshot: &Snapshot) {
        let Decision::Bind(placement) = scheduler.schedule(pod, snapshot) else { return };
        let place =
            |name: &Arc<str>| snapshot.nodes().binary_search_by(|node| node.name.cmp(name)).ok();
        let totals = placement.totals.iter().copied().chain(std::iter::repeat(0));
        let nodes = placement.feasible.iter().zip(totals);
        self.nodes = nodes.filter_map(|(name, total)| Some((place(name)?, total))).collect();
        self.nodes.sort_by_key(|(_, total)| Reverse(*total));
        let limit = self.pods.len() + SPARE_NODES;
        self.is_cut = self.nodes.len() > limit;
        self.nodes.truncate(limit);
    }
}

impl BatchPlanner for Solver {
    fn name(&self) -> &str {
        "solver"
    }

    fn plan(&self, pods: &[Arc<PodInfo>], snapshot: &Snapshot) -> BatchPlan {
        let classes = self.classes(pods, snapshot);
        let mut is_optimal = !classes.iter().any(|class| class.is_cut);
        let mut wishes = vec![None; pods.len()];
        let mut reached = Vec::new();
        for rank in 0..=classes.iter().map(|class| class.rank).max().unwrap_or_default() {
            let (problem, variables) = program(&classes, snapshot, &reached);
            let mut options = SolveOptions::default();
            options.node_limit = Some(MAX_BRANCHES);
            let outcome = problem.solve_with(options);
            let Some((outcome, solution)) =
                outcome.as_ref().ok().and_then(|outcome| Some((outcome, outcome.solution()?)))
            else {
                is_optimal = false;
                break;
            };
            is_optimal &= outcome.is_optimal();
            let mut value = 0.0;
            let mut left: Vec<_> = classes.iter().map(|class| class.pods.iter()).collect();
            wishes.fill(None);
            for Pair { variable, class, node } in variables {
                let count = solution.var_value_raw(variable).round().max(0.0) as usize;
                if classes[class].rank == rank {
                    value += classes[class].value * count as f64;
                }
                for pod in left[class].by_ref().take(count) {
                    wishes[*pod] = Some(Arc::clone(&snapshot.nodes()[node].name));
                }
            }
            reached.push(value);
        }
        let nodes = keep_feasible(&*self.scheduler, pods, &wishes, snapshot);
        is_optimal &= nodes == wishes;
        BatchPlan { nodes, is_optimal }
    }
}

/// Whether two pods ask for the same, whatever they are called.
fn is_same(a: &PodInfo, b: &PodInfo) -> bool {
    let (one, other) = (&a.pod.metadata, &b.pod.metadata);
    a.spec() == b.spec()
        && one.namespace == other.namespace
        && one.labels == other.labels
        && one.annotations == other.annotations
}

/// How many pods of a class go to a node.
#[derive(Clone, Copy)]
struct Pair {
    variable: Variable,
    class: usize,
    node: usize,
}

/// The program for the most important pods for which no value is `reached` yet; those that are
/// more important keep theirs.
fn program(classes: &[Class], snapshot: &Snapshot, reached: &[f64]) -> (Problem, Vec<Pair>) {
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let mut variables = Vec::new();
    let mut by_rank: Vec<Vec<(Variable, f64)>> = vec![Vec::new(); reached.len()];
    let pods: usize = classes.iter().map(|class| class.pods.len()).sum();
    let highest = classes.iter().flat_map(|class| &class.nodes).map(|(_, total)| *total).max();
    // All scores together are worth less than one pod that is worth 1.
    let per_score = 1.0 / ((highest.unwrap_or(0).max(0) + 1) as f64 * (pods + 1) as f64);
    for (index, class) in classes.iter().enumerate() {
        let count = i32::try_from(class.pods.len()).unwrap_or(i32::MAX);
        let value = if class.rank == reached.len() { class.value } else { 0.0 };
        let mut all = Vec::new();
        for (node, total) in &class.nodes {
            let gain = value + (*total).max(0) as f64 * per_score;
            let variable = problem.add_integer_var(gain, (0, count));
            all.push((variable, 1.0));
            if let Some(rank) = by_rank.get_mut(class.rank) {
                rank.push((variable, class.value));
            }
            variables.push(Pair { variable, class: index, node: *node });
        }
        if all.len() > 1 {
            problem.add_constraint(all, ComparisonOp::Le, f64::from(count));
        }
    }
    for (rank, value) in by_rank.into_iter().zip(reached).filter(|(rank, _)| !rank.is_empty()) {
        problem.add_constraint(rank, ComparisonOp::Ge, *value);
    }
    let mut by_node: BTreeMap<usize, Vec<(Variable, &Class)>> = BTreeMap::new();
    for Pair { variable, class, node } in &variables {
        by_node.entry(*node).or_default().push((*variable, &classes[*class]));
    }
    for (node, takers) in by_node {
        constrain(&mut problem, &snapshot.nodes()[node], &takers);
    }
    (problem, variables)
}

/// No resource of a node is overdrawn.
fn constrain(problem: &mut Problem, node: &NodeInfo, takers: &[(Variable, &Class)]) {
    let mut names: BTreeSet<&str> = BTreeSet::from(["cpu", "memory", "ephemeral-storage"]);
    let extended = takers.iter().flat_map(|(_, class)| class.requests.extended.keys());
    names.extend(extended.map(|name| &**name));
    for name in names {
        let free = node.allocatable.get(name) - node.requested.get(name);
        let asked = takers.iter().map(|(v, class)| (*v, class.requests.get(name)));
        let asked: Vec<_> = asked.filter(|(_, amount)| *amount > 0).collect();
        if !asked.is_empty() {
            // Bytes as they are would drown everything else.
            let unit = asked.iter().map(|(_, amount)| *amount).max().unwrap_or(1) as f64;
            let row = asked.into_iter().map(|(variable, amount)| (variable, amount as f64 / unit));
            problem.add_constraint(row, ComparisonOp::Le, free as f64 / unit);
        }
    }
    let slots = (node.allocatable.pods - node.requested.pods) as f64;
    problem.add_constraint(takers.iter().map(|(v, _)| (*v, 1.0)), ComparisonOp::Le, slots);
}
