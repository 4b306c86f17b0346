//! An explanation as data, and in words.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::Nomination;

use super::Change;

/// What a framework decides about a pod, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The pod.
    pub pod: ObjectKey,
    /// What is decided.
    pub verdict: Verdict,
    /// Why the pod is refused before any node is looked at, where it is.
    pub whole: Option<Obstacle>,
    /// The nodes, in the snapshot's order.
    pub nodes: Vec<Explained>,
    /// The plugins that score the pod, with their weights.
    pub plugins: Vec<(&'static str, i64)>,
}

/// What is decided.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It may not be tried yet.
    Held {
        /// Who says so.
        plugin: &'static str,
        /// Why.
        why: String,
    },
    /// It goes to one of these.
    Placed {
        /// The best nodes.
        best: Vec<Arc<str>>,
    },
    /// It goes nowhere now.
    Unschedulable {
        /// The text of the pod's condition.
        message: String,
        /// The node where others are made to leave for it, and these.
        nomination: Option<Nomination>,
    },
}

/// What is said of one node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explained {
    /// The node.
    pub node: Arc<str>,
    /// What stands in the way; empty where the pod may go there. The first is the one that counts
    /// in the pod's condition.
    pub obstacles: Vec<Obstacle>,
    /// Raw and weighted score of each of [`Explanation::plugins`], where the pod may go there.
    pub scores: Vec<(i64, i64)>,
}

/// Something that stands in the way of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Obstacle {
    /// Who says so.
    pub plugin: &'static str,
    /// Why, in the words of the pod's condition.
    pub reasons: Vec<String>,
    /// What would help; empty where the reasons are all that is known.
    pub changes: Vec<Change>,
}

impl Explained {
    /// The sum of the weighted scores.
    pub fn total(&self) -> i64 {
        self.scores.iter().map(|(_, weighted)| weighted).sum()
    }
}

impl Explanation {
    /// The ways to make the pod fit, the shortest first: what would have to change, and on how
    /// many nodes that would be enough, with one of them. Empty where the pod fits.
    pub fn remedies(&self) -> Vec<Remedy> {
        if self.whole.is_some() || self.nodes.iter().any(|node| node.obstacles.is_empty()) {
            return Vec::new();
        }
        let mut ways: BTreeMap<Vec<String>, Remedy> = BTreeMap::new();
        for node in &self.nodes {
            let needs: Vec<&Obstacle> = node.obstacles.iter().collect();
            let kinds = needs.iter().flat_map(|obstacle| obstacle.kinds()).collect::<Vec<_>>();
            let effort = Effort::of(&needs);
            let found = Remedy {
                node: Arc::clone(&node.node),
                nodes: 1,
                steps: needs.iter().flat_map(|obstacle| obstacle.steps()).collect(),
                effort,
            };
            match ways.get_mut(&kinds) {
                None => drop(ways.insert(kinds, found)),
                Some(best) => {
                    let nodes = best.nodes + 1;
                    if found.effort < best.effort {
                        *best = found;
                    }
                    best.nodes = nodes;
                }
            }
        }
        let mut ways: Vec<_> = ways.into_values().collect();
        ways.sort_by(|a, b| a.effort.cmp(&b.effort).then_with(|| a.node.cmp(&b.node)));
        ways
    }
}

/// A way to make a pod fit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remedy {
    /// Where it takes least.
    pub node: Arc<str>,
    /// On how many nodes changes of the same kinds are needed.
    pub nodes: usize,
    /// What has to change there.
    pub steps: Vec<String>,
    effort: Effort,
}

/// How far a pod is from fitting: things that cannot be had, then the number of obstacles, then the
/// share of amounts that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Effort {
    impossible: usize,
    obstacles: usize,
    missing: i64,
}

impl Effort {
    fn of(obstacles: &[&Obstacle]) -> Self {
        let mut effort = Self { impossible: 0, obstacles: 0, missing: 0 };
        for obstacle in obstacles {
            effort.obstacles += obstacle.changes.len().max(1);
            for change in &obstacle.changes {
                if let Change::Room { missing, too_large, .. } = change {
                    effort.impossible += usize::from(*too_large);
                    effort.missing = effort.missing.saturating_add(*missing);
                }
            }
        }
        effort
    }
}

impl Obstacle {
    /// What has to change, in words.
    fn steps(&self) -> Vec<String> {
        match self.changes.is_empty() {
            true => self.reasons.iter().map(|why| format!("{}: {why}", self.plugin)).collect(),
            false => self.changes.iter().map(Change::to_string).collect(),
        }
    }

    /// The same without amounts, so that nodes can be counted together.
    fn kinds(&self) -> Vec<String> {
        let kind = |change: &Change| match change {
            Change::Room { resource, too_large, .. } => format!("{resource} {too_large}"),
            Change::Port { port, .. } => port.to_string(),
            other => other.to_string(),
        };
        match self.changes.is_empty() {
            true => self.steps(),
            false => self.changes.iter().map(kind).collect(),
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node, self.steps.join("; "))?;
        match self.nodes {
            1 => Ok(()),
            nodes => write!(f, " (least of {nodes} nodes)"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { plugin, why } => write!(f, "not tried yet: {why} ({plugin})"),
            Self::Placed { best } => match best.as_slice() {
                [only] => write!(f, "goes to {only}"),
                [first, ..] => {
                    write!(f, "goes to one of {} equally good nodes, as {first}", best.len())
                }
                [] => f.write_str("goes nowhere"),
            },
            Self::Unschedulable { message, .. } => f.write_str(message),
        }
    }
}
