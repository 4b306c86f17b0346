//! Mirroring: Endpoints that somebody keeps by hand, as EndpointSlices, because proxies look at
//! slices only.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort};
use orchestrator_client::{Informer, KindExt, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::backends;
use crate::deps::ControllerDeps;
use crate::endpointslice::Slices;
use crate::endpointslice::plan::{self, Common, Group};

/// The keeper's name in the label of its slices.
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
/// The label of Endpoints that are not to be mirrored.
const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
/// The annotation of Endpoints that only serve as a lock.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// How many addresses of one subset are mirrored.
const SUBSET_LIMIT: usize = 1000;

/// Mirrors Endpoints into EndpointSlices; its keys are services.
#[derive(Debug)]
pub struct MirroringController {
    services: Informer<Service>,
    endpoints: Informer<Endpoints>,
    slices: Slices,
}

impl MirroringController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let slices = Slices::new(deps, MANAGER);
        Self { services: deps.informers.of(), endpoints: deps.informers.of(), slices }
    }
}

/// The slices that these Endpoints shall have: none unless the service leaves its endpoints to
/// somebody else and they want to be mirrored.
fn groups(service: &Service, endpoints: &Endpoints) -> Vec<Group> {
    let has_selector = service.spec.as_ref().is_some_and(|spec| spec.selector.is_some());
    let skipped = endpoints.label(SKIP_MIRROR) == Some("true");
    if has_selector || skipped || endpoints.annotation(LEADER).is_some() {
        return Vec::new();
    }
    let subsets = endpoints.subsets.iter().flatten();
    let families = |subset| ["IPv4", "IPv6"].map(|family| group(family, subset));
    subsets.flat_map(families).filter(|group| !group.endpoints.is_empty()).collect()
}

fn group(family: &str, subset: &EndpointSubset) -> Group {
    let up = subset.addresses.iter().flatten().map(|address| (address, true));
    let down = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
    let ours = up.chain(down).filter(|(a, _)| a.ip.contains(':') == (family == "IPv6"));
    let ports = subset.ports.iter().flatten().map(|port| EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".into())),
        app_protocol: port.app_protocol.clone(),
    });
    Group {
        address_type: family.into(),
        ports: ports.collect(),
        endpoints: ours
            .take(SUBSET_LIMIT)
            .map(|(address, ready)| endpoint(address, ready))
            .collect(),
    }
}

fn endpoint(address: &EndpointAddress, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..Default::default() }),
        hostname: address.hostname.clone().filter(|hostname| !hostname.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

#[async_trait]
impl Controller for MirroringController {
    fn name(&self) -> &str {
        "endpointslice-mirroring"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let slices = self.slices.clone();
        vec![
            WatchSpec::own(gvr::<Service>()),
            WatchSpec::own(gvr::<Endpoints>()),
            WatchSpec::new(
                gvr::<k8s_openapi::api::discovery::v1::EndpointSlice>(),
                move |change| slices.service_of(change),
            ),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(service) = self.services.get(key) else { return Ok(Outcome::Done) };
        let endpoints: Option<Arc<Endpoints>> = self.endpoints.get(key);
        let groups = endpoints.map_or_else(Vec::new, |endpoints| groups(&service, &endpoints));
        let found = self.slices.of(key);
        if backends::selector(&service).is_some() && found.is_empty() {
            return Ok(Outcome::Done);
        }
        let common = Common::of(&service, MANAGER);
        self.slices.write(&plan::plan(&common, groups, &found)).await?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_endpoints_kept_by_hand_are_mirrored() {
        let service = |selector: serde_json::Value| -> Service {
            serde_json::from_value(json!({"metadata": {}, "spec": {"selector": selector}})).unwrap()
        };
        let endpoints = |metadata: serde_json::Value| -> Endpoints {
            serde_json::from_value(json!({"metadata": metadata, "subsets": [{
                "addresses": [{"ip": "192.0.2.8"}, {"ip": "fd00::8"}],
                "notReadyAddresses": [{"ip": "192.0.2.9"}],
                "ports": [{"port": 80}]}]}))
            .unwrap()
        };
        let by_hand = groups(&service(json!(null)), &endpoints(json!({})));
        let sizes: Vec<_> =
            by_hand.iter().map(|g| (g.address_type.as_str(), g.endpoints.len())).collect();
        assert_eq!(sizes, [("IPv4", 2), ("IPv6", 1)]);
        let conditions = by_hand[0].endpoints[1].conditions.clone().unwrap();
        assert_eq!((conditions.ready, conditions.serving), (Some(false), None));
        assert!(groups(&service(json!({"a": "b"})), &endpoints(json!({}))).is_empty());
        let skipped = json!({"labels": {SKIP_MIRROR: "true"}});
        assert!(groups(&service(json!(null)), &endpoints(skipped)).is_empty());
    }
}
