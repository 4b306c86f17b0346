//! Spreading endpoints over slices with as few writes as possible.
//!
//! Endpoints that are there stay in their slices. What is new fills slices that are written
//! anyway, then slices with room, then new slices.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_client::KindExt;

use crate::backends::{HEADLESS_LABEL, is_headless};

/// How many endpoints a slice holds at most.
pub(crate) const CAPACITY: usize = 100;
/// The label that names the service of a slice.
pub(crate) const SERVICE_LABEL: &str = "kubernetes.io/service-name";
/// The label that names the keeper of a slice.
pub(crate) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// What to write.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub create: Vec<EndpointSlice>,
    pub update: Vec<EndpointSlice>,
    pub delete: Vec<Arc<EndpointSlice>>,
}

/// The endpoints of one address type that have the same ports.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    pub address_type: String,
    pub ports: Vec<EndpointPort>,
    pub endpoints: Vec<Endpoint>,
}

/// What all slices of a service have in common.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Common {
    /// Metadata without a name; `generate_name` is set.
    pub metadata: ObjectMeta,
}

impl Common {
    /// The metadata of the slices of `service` kept by `manager`.
    pub(crate) fn of(service: &Service, manager: &str) -> Self {
        let mut labels = service.metadata.labels.clone().unwrap_or_default();
        labels.remove(HEADLESS_LABEL);
        if is_headless(service) {
            labels.insert(HEADLESS_LABEL.into(), String::new());
        }
        labels.insert(SERVICE_LABEL.into(), service.name().into());
        labels.insert(MANAGED_BY.into(), manager.into());
        Self {
            metadata: ObjectMeta {
                namespace: service.metadata.namespace.clone(),
                generate_name: Some(format!("{}-", service.name())),
                labels: Some(labels),
                owner_references: Some(vec![service.controller_reference()]),
                ..ObjectMeta::default()
            },
        }
    }

    fn slice(&self, group: &Group, endpoints: Vec<Endpoint>) -> EndpointSlice {
        EndpointSlice {
            address_type: group.address_type.clone(),
            metadata: self.metadata.clone(),
            endpoints: Some(endpoints),
            ports: Some(group.ports.clone()),
        }
    }
}

/// What to write so that `found` becomes `groups`.
pub(crate) fn plan(common: &Common, groups: Vec<Group>, found: &[Arc<EndpointSlice>]) -> Plan {
    let mut plan = Plan::default();
    let mut left: Vec<Arc<EndpointSlice>> = found.to_vec();
    for group in merged(groups) {
        let fits = |slice: &Arc<EndpointSlice>| {
            slice.address_type == group.address_type
                && slice.ports.as_deref().unwrap_or_default() == group.ports
        };
        let (ours, others) = left.into_iter().partition(fits);
        left = others;
        plan_group(common, group, ours, &mut plan);
    }
    plan.delete.extend(left);
    recycle(&mut plan);
    plan
}

/// A slice that would go takes what a new one of its address type would hold: readers see one write,
/// not two slices or none in between.
fn recycle(plan: &mut Plan) {
    let mut new = Vec::with_capacity(plan.create.len());
    for slice in plan.create.drain(..) {
        match plan.delete.iter().position(|old| old.address_type == slice.address_type) {
            Some(index) => {
                let old = plan.delete.remove(index);
                let mut metadata = old.metadata.clone();
                metadata.labels = slice.metadata.labels;
                metadata.owner_references = slice.metadata.owner_references;
                plan.update.push(EndpointSlice { metadata, ..slice });
            }
            None => new.push(slice),
        }
    }
    plan.create = new;
}

/// Groups of the same type and ports share slices.
fn merged(groups: Vec<Group>) -> Vec<Group> {
    let mut all: Vec<Group> = Vec::with_capacity(groups.len());
    for group in groups {
        let same = |g: &&mut Group| g.address_type == group.address_type && g.ports == group.ports;
        match all.iter_mut().find(same) {
            Some(present) => present.endpoints.extend(group.endpoints),
            None => all.push(group),
        }
    }
    all
}

/// A slice with the endpoints that it shall have.
struct Filling {
    slice: Arc<EndpointSlice>,
    endpoints: Vec<Endpoint>,
    changed: bool,
}

fn plan_group(common: &Common, group: Group, found: Vec<Arc<EndpointSlice>>, plan: &mut Plan) {
    let placeholder = group.endpoints.is_empty();
    let mut wanted: BTreeMap<String, Endpoint> =
        group.endpoints.iter().map(|endpoint| (identity(endpoint), endpoint.clone())).collect();
    let mut fillings: Vec<Filling> =
        found.into_iter().map(|slice| keep(common, slice, &mut wanted)).collect();
    let mut new: Vec<Endpoint> = wanted.into_values().collect();
    new.reverse();
    // Slices that are written anyway first, then the fullest of the others.
    fillings.sort_by_key(|filling| (!filling.changed, std::cmp::Reverse(filling.endpoints.len())));
    for filling in &mut fillings {
        while filling.endpoints.len() < CAPACITY
            && let Some(endpoint) = new.pop()
        {
            filling.endpoints.push(endpoint);
            filling.changed = true;
        }
    }
    let mut kept = 0;
    for filling in fillings {
        // One empty slice tells that the service has no endpoints.
        if filling.endpoints.is_empty() && !(placeholder && kept == 0) {
            plan.delete.push(filling.slice);
            continue;
        }
        kept += 1;
        if filling.changed {
            let mut slice = EndpointSlice::clone(&filling.slice);
            slice.endpoints = Some(filling.endpoints);
            slice.metadata.labels.clone_from(&common.metadata.labels);
            slice.metadata.owner_references.clone_from(&common.metadata.owner_references);
            plan.update.push(slice);
        }
    }
    new.reverse();
    for chunk in new.chunks(CAPACITY) {
        plan.create.push(common.slice(&group, chunk.to_vec()));
        kept += 1;
    }
    if kept == 0 {
        plan.create.push(common.slice(&group, Vec::new()));
    }
}

/// Keeps what of a slice is still wanted, as it is wanted now.
fn keep(
    common: &Common,
    slice: Arc<EndpointSlice>,
    wanted: &mut BTreeMap<String, Endpoint>,
) -> Filling {
    let present = slice.endpoints.as_deref().unwrap_or_default();
    let mut changed = slice.metadata.labels != common.metadata.labels
        || slice.metadata.owner_references != common.metadata.owner_references;
    let mut endpoints = Vec::with_capacity(present.len());
    for endpoint in present {
        match wanted.remove(&identity(endpoint)) {
            Some(wanted) => {
                changed |= wanted != *endpoint;
                endpoints.push(wanted);
            }
            None => changed = true,
        }
    }
    Filling { slice, endpoints, changed }
}

/// What makes endpoints the same: their pod, or their addresses where they have none.
fn identity(endpoint: &Endpoint) -> String {
    let pod = endpoint.target_ref.as_ref().and_then(|target| target.uid.as_deref());
    format!("{}/{}", pod.unwrap_or_default(), endpoint.addresses.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::tests::service;
    use serde_json::json;

    fn endpoint(index: usize, ready: bool) -> Endpoint {
        serde_json::from_value(json!({"addresses": [format!("198.18.0.{index:03}")],
            "conditions": {"ready": ready}}))
        .unwrap()
    }

    fn group(count: usize) -> Group {
        let endpoints = (0..count).map(|index| endpoint(index, true)).collect();
        Group { address_type: "IPv4".into(), ports: Vec::new(), endpoints }
    }

    fn stored(plan: Plan) -> Vec<Arc<EndpointSlice>> {
        let named = plan.create.into_iter().enumerate().map(|(index, mut slice)| {
            slice.metadata.name = Some(format!("s-{index}"));
            Arc::new(slice)
        });
        named.collect()
    }

    /// Sizes of created and updated slices, and the number of deleted ones.
    fn show(plan: &Plan) -> (Vec<usize>, Vec<usize>, usize) {
        let sizes = |slices: &[EndpointSlice]| {
            slices.iter().map(|slice| slice.endpoints.as_ref().unwrap().len()).collect()
        };
        (sizes(&plan.create), sizes(&plan.update), plan.delete.len())
    }

    #[test]
    fn endpoints_stay_in_their_slices_and_new_ones_fill_the_room() {
        let common = Common::of(&service(json!({})), "m");
        let first = plan(&common, vec![group(150)], &[]);
        assert_eq!(show(&first), (vec![100, 50], vec![], 0));
        let found = stored(first);
        assert_eq!(plan(&common, vec![group(150)], &found), Plan::default());
        assert_eq!(show(&plan(&common, vec![group(160)], &found)), (vec![], vec![60], 0));
        assert_eq!(show(&plan(&common, vec![group(260)], &found)), (vec![60], vec![100], 0));
        assert_eq!(show(&plan(&common, vec![group(100)], &found)), (vec![], vec![], 1));
        let mut changed = group(150);
        changed.endpoints[120] = endpoint(120, false);
        assert_eq!(show(&plan(&common, vec![changed], &found)), (vec![], vec![50], 0));
    }

    #[test]
    fn a_service_without_endpoints_keeps_one_empty_slice() {
        let common = Common::of(&service(json!({})), "m");
        let empty = plan(&common, vec![group(0)], &[]);
        assert_eq!(show(&empty), (vec![0], vec![], 0));
        let found = stored(plan(&common, vec![group(150)], &[]));
        assert_eq!(show(&plan(&common, vec![group(0)], &found)), (vec![], vec![0], 1));
        assert_eq!(show(&plan(&common, vec![], &found)), (vec![], vec![], 2));
    }

    #[test]
    fn a_slice_with_other_ports_takes_the_new_ones() {
        let common = Common::of(&service(json!({})), "m");
        let found = stored(plan(&common, vec![group(3)], &[]));
        let port = EndpointPort { port: Some(80), ..EndpointPort::default() };
        let moved = Group { ports: vec![port], ..group(3) };
        let changed = plan(&common, vec![moved], &found);
        assert_eq!(show(&changed), (vec![], vec![3], 0));
        assert_eq!(changed.update[0].metadata.name, found[0].metadata.name);
        let twice = vec![group(3), group(3)];
        assert_eq!(plan(&common, twice, &found), Plan::default());
    }
}
