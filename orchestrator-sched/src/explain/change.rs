//! What would have to change for a node to take a pod.

use std::fmt;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm};
use orchestrator_core::Quantity;
use orchestrator_core::quantity::Format;
use orchestrator_core::scheduler::{NodeInfo, PodInfo};

use crate::matching::{NodeTerm, effects, tolerates};

/// A change that takes an obstacle away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Change {
    /// So much more of a resource must be free: CPU in thousandths, all else in units.
    Room {
        /// The resource.
        resource: String,
        /// How much more.
        missing: i64,
        /// Whether it is more than the node has at all.
        too_large: bool,
    },
    /// The pod must tolerate this taint, written as `key=value:effect`.
    Tolerate(String),
    /// The node must have this label, or what else a requirement of the pod says of labels.
    Label(String),
    /// The pod must not insist on another node.
    Name(String),
    /// The node must be opened for new pods.
    Uncordon,
    /// This pod must leave its host port.
    Port {
        /// The port.
        port: i32,
        /// Who has it.
        holder: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room { resource, missing, too_large } => {
                let amount = amount(resource, *missing);
                let whose = if *too_large { ", more than the node has" } else { "" };
                write!(f, "{amount} more {resource}{whose}")
            }
            Self::Tolerate(taint) => write!(f, "tolerate {taint}"),
            Self::Label(label) => write!(f, "node label {label}"),
            Self::Name(name) => write!(f, "not insist on node {name}"),
            Self::Uncordon => f.write_str("uncordon the node"),
            Self::Port { port, holder } => write!(f, "host port {port}, which {holder} has"),
        }
    }
}

/// An amount as manifests write it.
fn amount(resource: &str, amount: i64) -> String {
    match resource {
        "cpu" => Quantity::from_milli(amount, Format::DecimalSi).to_string(),
        "memory" | "ephemeral-storage" => Quantity::new(amount, Format::BinarySi).to_string(),
        _ => amount.to_string(),
    }
}

/// What would make the filter `plugin` let `pod` pass to `node`; empty where only its reason tells.
pub(super) fn needed(plugin: &str, pod: &PodInfo, node: &NodeInfo) -> Vec<Change> {
    match plugin {
        "NodeResourcesFit" => room(pod, node),
        "TaintToleration" => taints(pod, node),
        "NodeAffinity" => labels(pod, node),
        "NodeName" => vec![Change::Name(pod.node_name().to_owned())],
        "NodeUnschedulable" => vec![Change::Uncordon],
        "NodePorts" => ports(pod, node),
        _ => Vec::new(),
    }
}

fn room(pod: &PodInfo, node: &NodeInfo) -> Vec<Change> {
    let native = ["cpu", "memory", "ephemeral-storage"];
    let extended = pod.requests.extended.keys().map(|name| &**name);
    let missing = |resource: &str| {
        let (asked, has) = (pod.requests.get(resource), node.allocatable.get(resource));
        let missing = asked - (has - node.requested.get(resource));
        let too_large = asked > has;
        (asked > 0 && missing > 0).then(|| Change::Room {
            resource: resource.to_owned(),
            missing,
            too_large,
        })
    };
    let mut changes: Vec<_> = native.into_iter().chain(extended).filter_map(missing).collect();
    let pods = node.requested.pods + 1 - node.allocatable.pods;
    if pods > 0 {
        let too_large = node.allocatable.pods == 0;
        changes.push(Change::Room { resource: "pods".into(), missing: pods, too_large });
    }
    changes
}

fn taints(pod: &PodInfo, node: &NodeInfo) -> Vec<Change> {
    let tolerations = pod.spec().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
    let hard = |effect: &str| matches!(effect, effects::NO_SCHEDULE | effects::NO_EXECUTE);
    let taints = node.taints().iter();
    let borne = taints.filter(|taint| hard(&taint.effect) && !tolerates(tolerations, taint));
    let words = |taint: &k8s_openapi::api::core::v1::Taint| match taint.value.as_deref() {
        None | Some("") => format!("{}:{}", taint.key, taint.effect),
        Some(value) => format!("{}={value}:{}", taint.key, taint.effect),
    };
    borne.map(|taint| Change::Tolerate(words(taint))).collect()
}

/// The labels of the selector that the node lacks, and what it lacks of the term that it is
/// closest to.
fn labels(pod: &PodInfo, node: &NodeInfo) -> Vec<Change> {
    let Some(spec) = pod.spec() else { return Vec::new() };
    let selector = spec.node_selector.iter().flatten();
    let lacking = selector.filter(|(key, value)| node.labels().get(*key) != Some(value));
    let mut changes: Vec<_> =
        lacking.map(|(key, value)| Change::Label(format!("{key}={value}"))).collect();
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    let terms = required.into_iter().flat_map(|selector| &selector.node_selector_terms);
    let closest = terms.map(|term| unmet(term, node)).min_by_key(Vec::len);
    changes.extend(closest.into_iter().flatten().map(Change::Label));
    changes
}

/// The requirements of a term that the node does not meet.
fn unmet(term: &NodeSelectorTerm, node: &NodeInfo) -> Vec<String> {
    let alone = |requirement: &NodeSelectorRequirement, is_field: bool| {
        let list = Some(vec![requirement.clone()]);
        let term = match is_field {
            true => NodeSelectorTerm { match_fields: list, match_expressions: None },
            false => NodeSelectorTerm { match_expressions: list, match_fields: None },
        };
        (!NodeTerm::new(&term).matches(node)).then(|| words(requirement))
    };
    let labels = term.match_expressions.iter().flatten().filter_map(|r| alone(r, false));
    labels.chain(term.match_fields.iter().flatten().filter_map(|r| alone(r, true))).collect()
}

/// A requirement in the way of selectors.
fn words(requirement: &NodeSelectorRequirement) -> String {
    let (key, values) = (&requirement.key, requirement.values.clone().unwrap_or_default());
    match (requirement.operator.as_str(), values.as_slice()) {
        ("In", [value]) => format!("{key}={value}"),
        ("NotIn", [value]) => format!("{key}!={value}"),
        ("In", values) => format!("{key} in ({})", values.join(", ")),
        ("NotIn", values) => format!("{key} not in ({})", values.join(", ")),
        ("Exists", _) => key.clone(),
        ("DoesNotExist", _) => format!("!{key}"),
        ("Gt", values) => format!("{key}>{}", values.join("")),
        ("Lt", values) => format!("{key}<{}", values.join("")),
        (other, values) => format!("{key} {other} {}", values.join(", ")),
    }
}

fn ports(pod: &PodInfo, node: &NodeInfo) -> Vec<Change> {
    let holder = |wanted: &orchestrator_core::scheduler::HostPort| {
        let holds =
            |other: &&std::sync::Arc<PodInfo>| other.ports.iter().any(|p| p.conflicts(wanted));
        let holder = node.pods.iter().find(holds)?;
        Some(Change::Port { port: wanted.port, holder: holder.key.to_string() })
    };
    pod.ports.iter().filter_map(holder).collect()
}
