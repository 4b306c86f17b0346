//! Pod address ranges: each node gets its own part of the cluster's range.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use async_trait::async_trait;
use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Node;
use orchestrator_client::{Api, Informer, KindExt, Patch, Recorder, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};
use parking_lot::Mutex;
use serde_json::json;

use crate::deps::ControllerDeps;

/// Gives nodes their pod address ranges.
#[derive(Debug)]
pub struct NodeIpamController {
    nodes: Informer<Node>,
    api: Api<Node>,
    recorder: Recorder,
    /// The cluster's range and the prefix length of a part; `None` where nodes bring their own.
    range: Option<(Ipv4Net, u8)>,
    /// What was given to nodes whose caches may not show it yet.
    given: Mutex<BTreeMap<String, Ipv4Net>>,
}

impl NodeIpamController {
    /// A controller on the shared informers. A range that is no IPv4 CIDR counts as none.
    pub fn new(deps: &ControllerDeps) -> Self {
        let config = &deps.config;
        let range = config.pod_cidr.parse::<Ipv4Net>().ok();
        Self {
            nodes: deps.informers.of(),
            api: deps.client().api(),
            recorder: deps.recorder("cidrAllocator"),
            range: range.map(|range| (range, config.node_cidr_mask)),
            given: Mutex::default(),
        }
    }

    /// The part for a node, noted as given.
    fn allocate(&self, node: &str, range: (Ipv4Net, u8)) -> Option<Ipv4Net> {
        let mut given = self.given.lock();
        if let Some(part) = given.get(node) {
            return Some(*part);
        }
        let taken: BTreeSet<Ipv4Net> = self
            .nodes
            .list()
            .iter()
            .filter_map(|node| part_of(node))
            .chain(given.values().copied())
            .collect();
        let part = first_free(range, &taken)?;
        given.insert(node.to_owned(), part);
        Some(part)
    }
}

/// The part that a node has.
fn part_of(node: &Node) -> Option<Ipv4Net> {
    node.spec.as_ref()?.pod_cidr.as_ref()?.parse().ok()
}

/// The first part of the range that overlaps none of `taken`.
fn first_free((range, mask): (Ipv4Net, u8), taken: &BTreeSet<Ipv4Net>) -> Option<Ipv4Net> {
    let mut parts = range.trunc().subnets(mask).ok()?;
    // Networks sort by address, so all that can overlap a part are near it.
    let overlaps = |part: &Ipv4Net| {
        let end = Ipv4Net::new(part.broadcast(), 32).expect("32 is a prefix length");
        let start = Ipv4Net::new(Ipv4Addr::UNSPECIFIED, 0).expect("0 is a prefix length");
        let inside = taken.range(*part..=end).next().is_some();
        let around = || taken.range(start..*part).any(|other| other.contains(part));
        inside || around()
    };
    parts.find(|part| !overlaps(part))
}

#[async_trait]
impl Controller for NodeIpamController {
    fn name(&self) -> &str {
        "node-ipam"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<Node>())]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(range) = self.range else { return Ok(Outcome::Done) };
        let node = self.nodes.get(key);
        let Some(node) = node.filter(|node| part_of(node).is_none()) else {
            // It is gone, or the cache shows what it was given.
            self.given.lock().remove(&*key.name);
            return Ok(Outcome::Done);
        };
        let Some(part) = self.allocate(&key.name, range) else {
            let message = format!("Node {} status is now: CIDRNotAvailable", node.name());
            self.recorder.normal(&*node, "CIDRNotAvailable", message);
            return Err(Status::internal("no pod address range is left"));
        };
        let spec = json!({"podCIDR": part.to_string(), "podCIDRs": [part.to_string()]});
        let patch = json!({"metadata": {"uid": node.uid()}, "spec": spec});
        self.api.patch(key, Patch::Merge(patch)).await?;
        Ok(Outcome::Done)
    }

    fn concurrency(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_that_overlaps_nothing_is_given() {
        let cases: [(&[&str], Option<&str>); 6] = [
            (&[], Some("127.64.0.0/24")),
            (&["127.64.0.0/24", "127.64.2.0/24"], Some("127.64.1.0/24")),
            (&["127.64.0.128/25"], Some("127.64.1.0/24")),
            (&["127.64.0.0/23"], Some("127.64.2.0/24")),
            (&["10.0.0.0/8"], Some("127.64.0.0/24")),
            (&["127.0.0.0/8"], None),
        ];
        for (taken, want) in cases {
            let taken = taken.iter().map(|text| text.parse().unwrap()).collect();
            let got = first_free(("127.64.0.0/22".parse().unwrap(), 24), &taken);
            assert_eq!(got.map(|net| net.to_string()).as_deref(), want, "{taken:?}");
        }
    }
}
