//! The workloads: upstream's scheduler_perf shapes, as tables of steps.
//!
//! Names, steps and counts are those of the long variants in
//! `test/integration/scheduler_perf` of Kubernetes 1.36, so that figures can be compared.

use super::shape::{NodeShape as Node, PodShape as Pod};
use crate::args::WorkloadCounts;

/// A workload by name.
#[derive(Debug)]
pub struct Workload {
    pub name: &'static str,
    /// What it is about, in a few words.
    pub about: &'static str,
    pub counts: Counts,
    pub steps: &'static [Step],
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub nodes: usize,
    /// Pods before the measurement; per namespace where there are several.
    pub init: usize,
    pub pods: usize,
    /// Namespaces of the pods before the measurement, where there are several.
    pub namespaces: usize,
}

/// One of the counts.
#[derive(Clone, Copy, Debug)]
pub enum Many {
    Nodes,
    Init,
    Just(usize),
}

/// Which namespaces pods are made in; they are made when first named.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// This one.
    One(&'static str),
    /// As many as there shall be, numbered.
    Each(&'static str),
}

/// What is done, in order.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Makes nodes.
    Nodes(Many, Node),
    /// Makes pods and waits until they are bound.
    Pods(Many, Pod, Place),
    /// Makes pods that are never bound, and does not wait.
    Held(Many, Pod, Place),
    /// Makes objects from now to the end, one each so many milliseconds, in turns.
    Churn(&'static [Churned], u64, Churn),
    /// Deletes the bound pods of a namespace from now to the end, so many a second.
    Drain(&'static str, u64),
    /// Makes the pods that are measured, and waits until they are bound.
    Measure(Pod, Place),
}

/// What is made meanwhile.
#[derive(Clone, Copy, Debug)]
pub enum Churned {
    Pod(Pod),
    Node,
    Service,
}

/// How it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Churn {
    /// More and more.
    Create,
    /// Each is deleted before it is made again.
    Recreate,
}

impl Counts {
    const fn new(nodes: usize, init: usize, pods: usize) -> Self {
        Self { nodes, init, pods, namespaces: 0 }
    }

    const fn across(self, namespaces: usize) -> Self {
        Self { namespaces, ..self }
    }

    /// These, with what the command line says.
    pub fn with(self, asked: WorkloadCounts) -> Self {
        Self {
            nodes: asked.nodes.unwrap_or(self.nodes),
            init: asked.init_pods.unwrap_or(self.init),
            pods: asked.pods.unwrap_or(self.pods),
            namespaces: asked.namespaces.unwrap_or(self.namespaces),
        }
    }

    pub fn of(self, many: Many) -> usize {
        match many {
            Many::Nodes => self.nodes,
            Many::Init => self.init,
            Many::Just(count) => count,
        }
    }
}

const INIT: Place = Place::One("sched-0");
const MEASURED: Place = Place::One("sched-1");
const EACH: Place = Place::Each("init-ns");
const TEAM: Place = Place::One("measure-ns-0");

const fn nodes(shape: Node) -> Step {
    Step::Nodes(Many::Nodes, shape)
}

const fn init(shape: Pod) -> Step {
    Step::Pods(Many::Init, shape, INIT)
}

const fn measure(shape: Pod) -> Step {
    Step::Measure(shape, MEASURED)
}

/// A row of the table.
const fn workload(
    name: &'static str,
    about: &'static str,
    counts: Counts,
    steps: &'static [Step],
) -> Workload {
    Workload { name, about, counts, steps }
}

/// All workloads, in the order in which they are listed.
pub const WORKLOADS: &[Workload] = &[
    workload(
        "SchedulingBasic",
        "pods without wishes",
        Counts::new(5000, 1000, 10_000),
        &[nodes(Node::Plain), init(Pod::Plain), measure(Pod::Plain)],
    ),
    workload(
        "SchedulingNodeAffinity",
        "pods that need nodes of a zone",
        Counts::new(5000, 5000, 10_000),
        &[nodes(Node::OneZone), init(Pod::NodeAffinity), measure(Pod::NodeAffinity)],
    ),
    workload(
        "SchedulingPodAffinity",
        "pods that must be in the zone of their like",
        Counts::new(5000, 5000, 5000),
        &[nodes(Node::OneZone), init(Pod::Affinity), measure(Pod::Affinity)],
    ),
    workload(
        "SchedulingPodAntiAffinity",
        "pods that must be alone on a node",
        Counts::new(5000, 1000, 2000),
        &[nodes(Node::Plain), init(Pod::AntiAffinity), measure(Pod::AntiAffinity)],
    ),
    workload(
        "SchedulingPodMatchingAntiAffinity",
        "pods without wishes that others must not be near to",
        Counts::new(5000, 1000, 5000),
        &[nodes(Node::Plain), init(Pod::AntiAffinity), measure(Pod::Green)],
    ),
    workload(
        "SchedulingPreferredPodAffinity",
        "pods that like to be on the node of their like",
        Counts::new(5000, 5000, 5000),
        &[nodes(Node::Plain), init(Pod::PreferredAffinity), measure(Pod::PreferredAffinity)],
    ),
    workload(
        "SchedulingPreferredPodAntiAffinity",
        "pods that like to be alone on a node",
        Counts::new(5000, 5000, 5000),
        &[
            nodes(Node::Plain),
            init(Pod::PreferredAntiAffinity),
            measure(Pod::PreferredAntiAffinity),
        ],
    ),
    workload(
        "MixedSchedulingBasePod",
        "pods without wishes among pods with all kinds of affinity",
        Counts::new(5000, 2000, 5000),
        &[
            nodes(Node::OneZone),
            init(Pod::Plain),
            init(Pod::Affinity),
            init(Pod::AntiAffinity),
            init(Pod::PreferredAffinity),
            init(Pod::PreferredAntiAffinity),
            measure(Pod::Plain),
        ],
    ),
    workload(
        "SchedulingRequiredPodAffinityWithNSSelector",
        "as SchedulingPodAffinity, over namespaces that a selector names",
        Counts::new(5000, 50, 2000).across(100),
        &[
            nodes(Node::OneZone),
            Step::Pods(Many::Init, Pod::TeamAffinity, EACH),
            Step::Measure(Pod::TeamAffinity, TEAM),
        ],
    ),
    workload(
        "SchedulingRequiredPodAntiAffinityWithNSSelector",
        "as SchedulingPodAntiAffinity, over namespaces that a selector names",
        Counts::new(6000, 40, 2000).across(100),
        &[
            nodes(Node::Plain),
            Step::Pods(Many::Init, Pod::TeamAntiAffinity, EACH),
            Step::Measure(Pod::TeamAntiAffinity, TEAM),
        ],
    ),
    workload(
        "SchedulingPreferredAffinityWithNSSelector",
        "as SchedulingPreferredPodAffinity, over namespaces that a selector names",
        Counts::new(5000, 50, 5000).across(100),
        &[
            nodes(Node::Plain),
            Step::Pods(Many::Init, Pod::TeamPreferredAffinity, EACH),
            Step::Measure(Pod::TeamPreferredAffinity, TEAM),
        ],
    ),
    workload(
        "SchedulingPreferredAntiAffinityWithNSSelector",
        "as SchedulingPreferredPodAntiAffinity, over namespaces that a selector names",
        Counts::new(5000, 40, 2000).across(100),
        &[
            nodes(Node::Plain),
            Step::Pods(Many::Init, Pod::TeamPreferredAntiAffinity, EACH),
            Step::Measure(Pod::TeamPreferredAntiAffinity, TEAM),
        ],
    ),
    workload(
        "TopologySpreading",
        "pods that must be even over three zones",
        Counts::new(5000, 5000, 5000),
        &[nodes(Node::ThreeZones), init(Pod::Plain), measure(Pod::Spread)],
    ),
    workload(
        "PreferredTopologySpreading",
        "pods that like to be even over three zones",
        Counts::new(5000, 5000, 5000),
        &[nodes(Node::ThreeZones), init(Pod::Plain), measure(Pod::PreferredSpread)],
    ),
    workload(
        "PreemptionBasic",
        "pods that fit only where three others leave",
        Counts::new(1000, 4000, 1000),
        &[nodes(Node::Plain), init(Pod::LowPriority), measure(Pod::HighPriority)],
    ),
    workload(
        "PreemptionAsync",
        "pods without wishes, while others preempt",
        Counts::new(5000, 20_000, 5000),
        &[
            nodes(Node::Plain),
            init(Pod::LowPriority),
            Step::Churn(&[Churned::Pod(Pod::HighPriority)], 200, Churn::Create),
            measure(Pod::Plain),
        ],
    ),
    workload(
        "Unschedulable",
        "pods without wishes, while pods come that fit nowhere",
        Counts::new(5000, 100, 10_000),
        &[
            nodes(Node::Plain),
            init(Pod::Plain),
            Step::Churn(&[Churned::Pod(Pod::TooLarge)], 200, Churn::Create),
            measure(Pod::Plain),
        ],
    ),
    workload(
        "SchedulingWithMixedChurn",
        "pods without wishes, while nodes, pods and services come and go",
        Counts::new(5000, 0, 10_000),
        &[
            nodes(Node::Plain),
            Step::Churn(
                &[Churned::Node, Churned::Pod(Pod::TooLarge), Churned::Service],
                1000,
                Churn::Recreate,
            ),
            measure(Pod::Plain),
        ],
    ),
    workload(
        "SchedulingDaemonset",
        "pods that each name the one node that they may go to",
        Counts::new(15_000, 0, 30_000),
        &[Step::Nodes(Many::Just(1), Node::Named), nodes(Node::Plain), measure(Pod::NamedNode)],
    ),
    workload(
        "SchedulingWhileGated",
        "small pods on one node, while gated pods wait and others are deleted",
        Counts::new(1, 10_000, 20_000),
        &[
            nodes(Node::Named),
            Step::Held(Many::Init, Pod::Gated, INIT),
            Step::Pods(Many::Init, Pod::Light, Place::One("drained")),
            Step::Drain("drained", 50),
            measure(Pod::Light),
        ],
    ),
    workload(
        "SchedulingGatedPodsWithPodAffinityImpactForThroughput",
        "labelled pods on one node, while gated pods wait that want to be near them",
        Counts::new(1, 10_000, 20_000),
        &[
            nodes(Node::Named),
            Step::Held(Many::Init, Pod::GatedAffinity, INIT),
            measure(Pod::Labelled),
        ],
    ),
    workload(
        "SchedulingCSIPVs",
        "pods with a volume of a driver that limits them",
        Counts::new(5000, 5000, 5000),
        &[nodes(Node::Csi), init(Pod::Csi), measure(Pod::Csi)],
    ),
];

/// Other names that workloads go by.
const ALSO: &[(&str, &str)] = &[
    ("GatedPods", "SchedulingWhileGated"),
    ("SchedulingPodAffinityNSSelector", "SchedulingRequiredPodAffinityWithNSSelector"),
    ("SchedulingPodAntiAffinityNSSelector", "SchedulingRequiredPodAntiAffinityWithNSSelector"),
    ("SchedulingTopologySpreading", "TopologySpreading"),
];

/// The workload of that name, in any case of letters.
pub fn find(name: &str) -> Option<&'static Workload> {
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    let other = ALSO.iter().find(|(also, _)| is(also)).map(|(_, name)| *name);
    WORKLOADS.iter().find(|workload| is(workload.name) || Some(workload.name) == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_workload_measures_once_and_is_found_by_its_names() {
        for workload in WORKLOADS {
            let measures = workload.steps.iter().filter(|step| matches!(step, Step::Measure(..)));
            assert_eq!(measures.count(), 1, "{}", workload.name);
            let lower = workload.name.to_lowercase();
            assert_eq!(find(&lower).map(|found| found.name), Some(workload.name));
        }
        assert!(ALSO.iter().all(|(also, _)| find(also).is_some()));
        assert!(find("Nothing").is_none());
    }
}
