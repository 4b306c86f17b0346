//! InterPodAffinity: pods go near to some pods and far from others.
//!
//! "Near" is having the same value of a label as the other pod's node. Both sides have a say:
//! the pods that are there may not want the new one either. All pods are looked at once per
//! attempt, and counted by label and value; then a node is judged by a few look-ups.

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_core::scheduler::{
    AffinityTerm, ClusterEvent, NodeInfo, PodAffinity, PodInfo, Snapshot,
};

use crate::framework::{
    BuiltIn, Cycle, Filter, FilterPlugin, MAX_SCORE, Plugin, Points, Reads, Refusal, Score,
    ScorePlugin,
};

pub(crate) const REASON: &str = "node(s) didn't match pod affinity rules";
pub(crate) const REASON_ANTI: &str = "node(s) didn't match pod anti-affinity rules";
pub(crate) const REASON_EXISTING: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

/// Refuses and scores nodes by the pods near to them.
#[derive(Clone, Debug)]
pub struct InterPodAffinity {
    hard_weight: i64,
    ignores_preferences: bool,
}

impl Default for InterPodAffinity {
    fn default() -> Self {
        Self { hard_weight: 1, ignores_preferences: false }
    }
}

impl InterPodAffinity {
    /// What another pod requires of the new one counts so much when nodes are scored.
    #[must_use]
    pub fn hard_weight(mut self, weight: i64) -> Self {
        self.hard_weight = weight;
        self
    }

    /// What other pods would like does not count where the new pod has no wishes.
    #[must_use]
    pub fn ignoring_preferences(mut self) -> Self {
        self.ignores_preferences = true;
        self
    }
}

impl InterPodAffinity {
    /// Whether nodes are scored for a pod with these wishes.
    pub(crate) fn scores(&self, own: Option<&PodAffinity>) -> bool {
        let wishes =
            own.is_some_and(|own| !own.preferred.is_empty() || !own.anti_preferred.is_empty());
        !self.ignores_preferences || wishes
    }

    /// How much it counts what another pod requires of the new one.
    pub(crate) fn weight_of_required(&self) -> i64 {
        self.hard_weight
    }
}

/// Sums by the key and value of a label.
#[derive(Debug, Default)]
struct Counts<'a>(BTreeMap<&'a str, BTreeMap<&'a str, i64>>);

impl<'a> Counts<'a> {
    fn add(&mut self, key: &'a str, node: &'a NodeInfo, amount: i64) {
        if let Some(value) = node.labels().get(key) {
            *self.0.entry(key).or_default().entry(value).or_default() += amount;
        }
    }

    /// The sum for the node's value of `key`; `None` where there is none.
    fn get(&self, key: &str, node: &NodeInfo) -> Option<i64> {
        self.0.get(key)?.get(node.labels().get(key)?.as_str()).copied()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the node's labels has been counted.
    fn touches(&self, node: &NodeInfo) -> bool {
        self.0.keys().any(|key| self.get(key, node).is_some_and(|count| count > 0))
    }

    /// All sums that concern the node, added up.
    fn total(&self, node: &NodeInfo) -> i64 {
        self.0.keys().filter_map(|key| self.get(key, node)).sum()
    }
}

/// The pods that matter, with their nodes: all, or those that have wishes, where the new pod has
/// none.
fn pods(snapshot: &Snapshot, all: bool) -> impl Iterator<Item = (&NodeInfo, &PodInfo)> {
    snapshot.nodes().iter().flat_map(move |node| {
        let pods = if all { &node.pods } else { &node.pods_with_affinity };
        pods.iter().map(|pod| (&**node, &**pod))
    })
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).score(self);
    }
}

/// What the pods that are there mean for one new pod.
struct Near<'a> {
    /// Pods that match all terms of the new pod's affinity.
    wanted: Counts<'a>,
    /// Pods that match a term of its anti-affinity.
    unwanted: Counts<'a>,
    /// Pods with an anti-affinity that it matches.
    unwilling: Counts<'a>,
}

impl<'a> Near<'a> {
    fn count(pod: &PodInfo, own: Option<&'a PodAffinity>, snapshot: &'a Snapshot) -> Self {
        let [mut wanted, mut unwanted, mut unwilling] = <[Counts<'a>; 3]>::default();
        for (node, other) in pods(snapshot, own.is_some()) {
            for term in other.affinity.iter().flat_map(|affinity| &affinity.anti_required) {
                if term.matches(pod, snapshot) {
                    unwilling.add(&term.topology_key, node, 1);
                }
            }
            let Some(own) = own else { continue };
            if matches_all(&own.required, other, snapshot) {
                own.required.iter().for_each(|term| wanted.add(&term.topology_key, node, 1));
            }
            for term in own.anti_required.iter().filter(|term| term.matches(other, snapshot)) {
                unwanted.add(&term.topology_key, node, 1);
            }
        }
        Self { wanted, unwanted, unwilling }
    }
}

/// Whether `pod` matches all `terms`, of which there is at least one.
pub(crate) fn matches_all(terms: &[AffinityTerm], pod: &PodInfo, snapshot: &Snapshot) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(pod, snapshot))
}

impl FilterPlugin for InterPodAffinity {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let Cycle { pod, snapshot } = cycle;
        let own = pod.affinity.as_deref();
        let near = Near::count(pod, own, snapshot);
        let required = own.map(|own| own.required.as_slice()).unwrap_or_default();
        let anti_required = own.map(|own| own.anti_required.as_slice()).unwrap_or_default();
        if required.is_empty() && anti_required.is_empty() && near.unwilling.is_empty() {
            return Filter::Skip;
        }
        // The first of a group of pods that want to be together has nobody to be near to.
        let is_first = near.wanted.is_empty() && matches_all(required, pod, snapshot);
        Filter::each(move |node| {
            let has_key = |term: &AffinityTerm| node.labels().contains_key(&term.topology_key);
            let has_pods = |term: &AffinityTerm| {
                near.wanted.get(&term.topology_key, node).is_some_and(|count| count > 0)
            };
            if !required.iter().all(has_key) || !(is_first || required.iter().all(has_pods)) {
                return Err(Refusal::unresolvable(REASON));
            }
            let is_unwanted = |term: &AffinityTerm| {
                near.unwanted.get(&term.topology_key, node).is_some_and(|count| count > 0)
            };
            if anti_required.iter().any(is_unwanted) {
                return Err(Refusal::resolvable(REASON_ANTI));
            }
            match near.unwilling.touches(node) {
                true => Err(Refusal::resolvable(REASON_EXISTING)),
                false => Ok(()),
            }
        })
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Near(self))
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        let own = pod.affinity.as_deref();
        let near = |other: &PodInfo| {
            own.is_some_and(|own| own.required.iter().any(|term| term.may_match(other)))
        };
        let far = |other: &PodInfo| {
            let theirs = other.affinity.iter().flat_map(|affinity| &affinity.anti_required);
            own.is_some_and(|own| own.anti_required.iter().any(|term| term.may_match(other)))
                || theirs.into_iter().any(|term| term.may_match(pod))
        };
        match event {
            ClusterEvent::PodBound { pod: other } => near(other),
            ClusterEvent::PodRemoved { pod: other } => far(other),
            ClusterEvent::PodChanged { old, new } => {
                old.labels() != new.labels() && (near(new) || far(old))
            }
            ClusterEvent::NodeAdded { .. } | ClusterEvent::Updated { .. } => true,
            ClusterEvent::NodeChanged { old, new } => old.labels() != new.labels(),
            ClusterEvent::Other { kind } => *kind == "Namespace",
            _ => false,
        }
    }
}

impl ScorePlugin for InterPodAffinity {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        let Cycle { pod, snapshot } = cycle;
        let own = pod.affinity.as_deref();
        if !self.scores(own) {
            return Score::skip();
        }
        let mut sums = Counts::default();
        for (node, other) in pods(snapshot, own.is_some()) {
            if let Some(own) = own {
                add(&mut sums, &own.preferred, other, node, snapshot, 1);
                add(&mut sums, &own.anti_preferred, other, node, snapshot, -1);
            }
            let Some(theirs) = other.affinity.as_deref() else { continue };
            for term in theirs.required.iter().filter(|term| term.matches(pod, snapshot)) {
                if self.hard_weight > 0 {
                    sums.add(&term.topology_key, node, self.hard_weight);
                }
            }
            add(&mut sums, &theirs.preferred, pod, node, snapshot, 1);
            add(&mut sums, &theirs.anti_preferred, pod, node, snapshot, -1);
        }
        if sums.is_empty() {
            return Score::skip();
        }
        Score::each(move |node| sums.total(node)).normalized(spread)
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Near(self))
    }
}

/// Counts `pod` for the terms that it matches, near `node`.
fn add<'a>(
    sums: &mut Counts<'a>,
    terms: &'a [(i64, AffinityTerm)],
    pod: &PodInfo,
    node: &'a NodeInfo,
    snapshot: &Snapshot,
    sign: i64,
) {
    for (weight, term) in terms.iter().filter(|(_, term)| term.matches(pod, snapshot)) {
        sums.add(&term.topology_key, node, sign * weight);
    }
}

/// Spreads scores from the lowest to the highest; all become 0 where they are equal.
pub(crate) fn spread(scores: &mut [i64]) {
    let lowest = scores.iter().copied().min().unwrap_or_default();
    let highest = scores.iter().copied().max().unwrap_or_default();
    for score in scores {
        let range = (highest - lowest) as f64;
        *score = match highest == lowest {
            true => 0,
            false => (MAX_SCORE as f64 * ((*score - lowest) as f64 / range)) as i64,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, passing, pod, scores};
    use serde_json::{Value, json};

    fn zoned(name: &str, zone: &str) -> NodeInfo {
        node(name, json!({"metadata": {"name": name, "labels": {"zone": zone}}}))
    }

    fn labelled(app: &str, spec: Value) -> PodInfo {
        let mut pod = (*pod("p", spec).pod).clone();
        pod.metadata.name = Some(app.into());
        pod.metadata.labels = Some([("app".to_owned(), app.to_owned())].into());
        PodInfo::new(Arc::new(pod))
    }

    fn term(app: &str) -> Value {
        json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": app}}})
    }

    fn required(kind: &str, app: &str) -> Value {
        let rule = json!({"requiredDuringSchedulingIgnoredDuringExecution": [term(app)]});
        json!({"affinity": {kind: rule}})
    }

    #[test]
    fn a_pod_goes_to_its_friends_and_the_first_goes_anywhere() {
        let mut nodes = [zoned("a", "1"), zoned("b", "1"), zoned("c", "2"), node("d", json!({}))];
        nodes[0].add(Arc::new(labelled("db", json!({}))));
        let plugin = InterPodAffinity::default();
        let friend = labelled("web", required("podAffinity", "db"));
        assert_eq!(passing(&plugin, &friend, &nodes), ["a", "b"]);
        let first = labelled("new", required("podAffinity", "new"));
        assert_eq!(passing(&plugin, &first, &nodes), ["a", "b", "c"]);
        let lonely = labelled("web", required("podAffinity", "other"));
        assert!(passing(&plugin, &lonely, &nodes).is_empty());
    }

    #[test]
    fn foes_keep_apart_whoever_says_so() {
        let mut nodes = [zoned("a", "1"), zoned("b", "2")];
        nodes[0].add(Arc::new(labelled("db", required("podAntiAffinity", "web"))));
        let plugin = InterPodAffinity::default();
        assert_eq!(passing(&plugin, &labelled("web", json!({})), &nodes), ["b"]);
        let foe = labelled("x", required("podAntiAffinity", "db"));
        assert_eq!(passing(&plugin, &foe, &nodes), ["b"]);
        assert_eq!(passing(&plugin, &labelled("x", json!({})), &nodes), ["a", "b"]);
    }

    #[test]
    fn wishes_of_both_sides_are_added_up() {
        let mut nodes = [zoned("a", "1"), zoned("b", "2")];
        nodes[0].add(Arc::new(labelled("db", json!({}))));
        let wish = json!([{"weight": 10, "podAffinityTerm": term("db")}]);
        let rule = json!({"preferredDuringSchedulingIgnoredDuringExecution": wish});
        let wishing = labelled("web", json!({"affinity": {"podAffinity": rule}}));
        assert_eq!(scores(&InterPodAffinity::default(), &wishing, &nodes), [100, 0]);
        let plain = labelled("web", json!({}));
        assert!(scores(&InterPodAffinity::default(), &plain, &nodes).is_empty());
    }
}
