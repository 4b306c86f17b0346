//! What a scheduler decides, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::pod::PodInfo;

/// Where a pod goes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Decision {
    /// It goes to one of the best nodes.
    Bind(Placement),
    /// No node takes it now.
    Unschedulable(Rejection),
}

/// The best nodes, and how they were found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Placement {
    /// The nodes with the highest total, in the snapshot's order; never empty.
    pub best: Vec<Arc<str>>,
    /// The nodes that the pod may go to, in the snapshot's order.
    pub feasible: Vec<Arc<str>>,
    /// What each part said, in units of the total; empty where there was no choice.
    pub scores: Vec<Scores>,
    /// The total of each feasible node; empty where there was no choice.
    pub totals: Vec<i64>,
}

impl Placement {
    /// The only choice.
    pub fn only(node: Arc<str>) -> Self {
        Self { best: vec![Arc::clone(&node)], feasible: vec![node], ..Self::default() }
    }
}

/// The weighted scores of one part of a scheduler, one per feasible node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scores {
    /// The part.
    pub plugin: &'static str,
    /// The scores, in the order of [`Placement::feasible`].
    pub scores: Vec<i64>,
}

/// Why no node takes a pod. Its text is the message of the pod's condition.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Rejection {
    /// How many nodes there were.
    pub nodes: usize,
    /// How many nodes were rejected for each reason; a node may have several.
    pub reasons: BTreeMap<String, usize>,
    /// Why the pod was rejected before any node was looked at; empty where it was not.
    pub whole: String,
    /// What was tried to make room, where that failed.
    pub remedy: String,
    /// The parts that rejected it.
    pub rejected_by: BTreeSet<&'static str>,
    /// Where room is being made.
    pub nomination: Option<Nomination>,
    /// Whether room that was promised to the pod earlier is promised no longer.
    pub withdraws: bool,
}

/// The pods that leave a node so that another has room.
#[derive(Clone, Debug)]
pub struct Nomination {
    /// The node.
    pub node: Arc<str>,
    /// The pods that leave.
    pub victims: Vec<Arc<PodInfo>>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes == 0 {
            return f.write_str("no nodes available to schedule pods");
        }
        write!(f, "0/{} nodes are available", self.nodes)?;
        if !self.whole.is_empty() {
            write!(f, ": {}.", self.whole)?;
        } else {
            // Sorted as texts, the count being part of the text: clients compare these messages.
            let reasons = self.reasons.iter().map(|(reason, count)| format!("{count} {reason}"));
            let mut reasons: Vec<_> = reasons.collect();
            reasons.sort();
            write!(f, ": {}.", reasons.join(", "))?;
        }
        if !self.remedy.is_empty() {
            write!(f, " {}", self.remedy)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_reads_as_the_pods_condition() {
        let reasons = [("Too many pods", 1), ("Insufficient cpu", 10), ("Insufficient memory", 2)];
        let mut rejection = Rejection {
            nodes: 12,
            reasons: reasons.map(|(reason, count)| (reason.to_owned(), count)).into(),
            ..Rejection::default()
        };
        assert_eq!(
            rejection.to_string(),
            "0/12 nodes are available: 1 Too many pods, 10 Insufficient cpu, 2 Insufficient memory."
        );
        rejection.remedy = "preemption: none.".into();
        rejection.whole = "no such claim".into();
        assert_eq!(
            rejection.to_string(),
            "0/12 nodes are available: no such claim. preemption: none."
        );
        assert_eq!(Rejection::default().to_string(), "no nodes available to schedule pods");
    }
}
