//! How fast nodes are emptied: a zone at a time, slowly, and not at all where nothing is left.
//!
//! Many silent nodes at once are more likely a broken network than broken nodes. The more of a
//! zone is silent the slower its nodes are given up, and where no node of any zone speaks, the
//! fault is taken to be on this side.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use orchestrator_client::KindExt;
use tokio::time::Instant;

use super::health::readiness;

/// The labels that name a node's region and zone.
const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";
/// A zone of so many percent silent nodes is disrupted.
const UNHEALTHY_PERCENT: usize = 55;
/// A zone of at most so many nodes is not given up while it is disrupted.
const SMALL: usize = 50;
/// The time between two nodes that are given up.
const USUAL: Duration = Duration::from_secs(10);
/// The same in a large zone that is disrupted.
const SLOW: Duration = Duration::from_secs(100);

/// Region and zone of a node.
pub(super) fn zone(node: &Node) -> String {
    let label = |name| node.label(name).unwrap_or_default();
    format!("{}:{}", label(REGION), label(ZONE))
}

/// How a zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Normal,
    /// Most of its nodes are silent; this is how many it has.
    Disrupted(usize),
    /// All of its nodes are silent.
    Silent,
}

impl State {
    /// The time between two nodes that are given up; `None` for never.
    fn pace(self) -> Option<Duration> {
        match self {
            Self::Normal | Self::Silent => Some(USUAL),
            Self::Disrupted(nodes) if nodes > SMALL => Some(SLOW),
            Self::Disrupted(_) => None,
        }
    }
}

/// All nodes by zone, as far as they were seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    /// The zone of each node, and whether it speaks.
    nodes: BTreeMap<String, (String, bool)>,
    /// How many nodes of each zone speak, and how many are silent.
    counts: BTreeMap<String, (usize, usize)>,
}

impl Census {
    /// Takes in a node as it is now, or that it is gone; tells whether a zone is in another state
    /// than before.
    pub(super) fn note(&mut self, name: &str, node: Option<&Node>) -> bool {
        let new = node.map(|node| (zone(node), readiness(node) == "True"));
        let old = self.nodes.get(name).cloned();
        if old == new {
            return false;
        }
        let zones = [&old, &new].map(|seen| seen.as_ref().map(|(zone, _)| zone.clone()));
        let before = zones.clone().map(|zone| zone.and_then(|zone| self.state(&zone)));
        if let Some((zone, speaks)) = old {
            self.nodes.remove(name);
            self.count(&zone, speaks, -1);
        }
        if let Some((zone, speaks)) = new {
            self.count(&zone, speaks, 1);
            self.nodes.insert(name.to_owned(), (zone, speaks));
        }
        before != zones.map(|zone| zone.and_then(|zone| self.state(&zone)))
    }

    fn count(&mut self, zone: &str, speaks: bool, change: isize) {
        let (ready, silent) = self.counts.entry(zone.to_owned()).or_default();
        let count = if speaks { ready } else { silent };
        *count = count.saturating_add_signed(change);
        if self.counts.get(zone) == Some(&(0, 0)) {
            self.counts.remove(zone);
        }
    }

    /// How a zone is; `None` where there is none.
    pub(super) fn state(&self, zone: &str) -> Option<State> {
        let (ready, silent) = *self.counts.get(zone)?;
        Some(match (ready, silent) {
            (0, 1..) => State::Silent,
            (_, 3..) if silent * 100 >= UNHEALTHY_PERCENT * (ready + silent) => {
                State::Disrupted(ready + silent)
            }
            _ => State::Normal,
        })
    }

    /// Whether no node of any zone speaks.
    pub(super) fn is_all_silent(&self) -> bool {
        self.counts.values().all(|(ready, _)| *ready == 0)
    }
}

/// Whether a node may be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    Now,
    /// After this time.
    Later(Duration),
    /// Not before the zones are in another state.
    Never,
}

/// When nodes of each zone were given up last.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(BTreeMap<String, Instant>);

impl Pace {
    /// Whether a node of `zone` may be given up now; if so, that counts.
    pub(super) fn take(&mut self, zone: &str, census: &Census, now: Instant) -> Leave {
        if census.is_all_silent() {
            return Leave::Never;
        }
        let Some(pace) = census.state(zone).unwrap_or(State::Normal).pace() else {
            return Leave::Never;
        };
        let next = self.0.get(zone).map(|last| *last + pace);
        match next.map(|next| next.saturating_duration_since(now)) {
            Some(wait) if !wait.is_zero() => Leave::Later(wait),
            _ => {
                self.0.insert(zone.to_owned(), now);
                Leave::Now
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn nodes(zone: &str, ready: usize, silent: usize) -> Vec<Node> {
        let node = |status: &str| {
            serde_json::from_value(json!({"metadata": {"labels": {ZONE: zone}},
                "status": {"conditions": [{"type": "Ready", "status": status}]}}))
            .unwrap()
        };
        let up = (0..ready).map(|_| node("True"));
        up.chain((0..silent).map(|_| node("Unknown"))).collect()
    }

    fn census(nodes: &[Node]) -> Census {
        let mut census = Census::default();
        for (index, node) in nodes.iter().enumerate() {
            census.note(&format!("n{index}"), Some(node));
        }
        census
    }

    #[test]
    fn a_change_of_a_zone_is_told_once() {
        let mut census = census(&nodes("a", 2, 0));
        let silent = &nodes("a", 0, 1)[0];
        assert!(!census.note("n0", Some(silent)));
        assert!(census.note("n1", Some(silent)));
        assert!(!census.note("n1", Some(silent)));
        assert!(census.is_all_silent());
        assert!(!census.note("n1", None));
        assert!(census.note("n0", None));
        assert!(census.counts.is_empty() && census.nodes.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_more_of_a_zone_is_silent_the_slower_it_is_given_up() {
        let take = |nodes: &[Node]| {
            let (mut pace, now) = (Pace::default(), orchestrator_core::Env::simulated(1).instant());
            let census = census(nodes);
            let first = pace.take(":a", &census, now);
            (first, pace.take(":a", &census, now))
        };
        let usual = (Leave::Now, Leave::Later(USUAL));
        assert_eq!(take(&nodes("a", 3, 1)), usual);
        assert_eq!(take(&nodes("a", 1, 2)), usual);
        assert_eq!(take(&nodes("a", 2, 3)), (Leave::Never, Leave::Never));
        assert_eq!(take(&nodes("a", 20, 40)), (Leave::Now, Leave::Later(SLOW)));
        assert_eq!(take(&nodes("a", 0, 2)), (Leave::Never, Leave::Never));
        let other = [nodes("a", 0, 2), nodes("b", 1, 0)].concat();
        assert_eq!(take(&other), usual);
    }

    proptest! {
        #[test]
        fn a_zone_is_silent_exactly_where_nobody_speaks(ready in 0usize..70, silent in 0usize..70) {
            let census = census(&nodes("a", ready, silent));
            let is_silent = census.state(":a") == Some(State::Silent);
            prop_assert_eq!(is_silent, ready == 0 && silent > 0);
        }
    }
}
