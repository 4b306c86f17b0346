//! EndpointSlices: the addresses of a service's pods in slices, which proxies follow.
//!
//! `desired` says which endpoints there shall be, `plan` spreads them over slices with as
//! few writes as possible.

mod desired;
pub(crate) mod plan;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Object, ObjectKey, Status};

use crate::backends;
use crate::deps::ControllerDeps;
use crate::workload::podcontrol::is_namespace_terminating;
use plan::{Common, MANAGED_BY, Plan, SERVICE_LABEL};

/// The keeper's name in the label of its slices.
const MANAGER: &str = "endpointslice-controller.k8s.io";
/// The index of slices by keeper, namespace and service.
const INDEX_SERVICE: &str = "endpointslice-service";
/// The label of a node that names its zone.
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

/// Keeps the EndpointSlices of services with selectors; its keys are services.
#[derive(Debug)]
pub struct EndpointSliceController {
    services: Informer<Service>,
    pods: Informer<Pod>,
    nodes: Informer<Node>,
    slices: Slices,
}

impl EndpointSliceController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            services: deps.informers.of(),
            pods: deps.informers.of(),
            nodes: deps.informers.of(),
            slices: Slices::new(deps, MANAGER),
        }
    }
}

/// The slices of one keeper.
#[derive(Clone, Debug)]
pub(crate) struct Slices {
    manager: &'static str,
    informer: Informer<EndpointSlice>,
    api: Api<EndpointSlice>,
}

impl Slices {
    pub(crate) fn new(deps: &ControllerDeps, manager: &'static str) -> Self {
        let informer = deps.informers.of::<EndpointSlice>();
        informer.add_index(INDEX_SERVICE, service_index);
        Self { manager, informer, api: deps.client().api() }
    }

    /// The keeper's slices of a service.
    pub(crate) fn of(&self, service: &ObjectKey) -> Vec<Arc<EndpointSlice>> {
        let ObjectKey { namespace, name } = service;
        self.informer.by_index(INDEX_SERVICE, &format!("{}/{namespace}/{name}", self.manager))
    }

    /// The service of a slice of this keeper.
    pub(crate) fn service_of(&self, change: &Change) -> Vec<ObjectKey> {
        let key = || {
            let tree = change.item()?.lean().ok()?;
            let ours = tree.label(MANAGED_BY) == Some(self.manager);
            let service = tree.label(SERVICE_LABEL).filter(|_| ours)?;
            Some(ObjectKey::new(tree.namespace(), service))
        };
        key().into_iter().collect()
    }

    /// Writes a plan: what is new before what goes, so that no endpoint is missing in between.
    pub(crate) async fn write(&self, plan: &Plan) -> Result<(), Status> {
        for slice in &plan.create {
            match self.api.create(slice).await {
                Err(status) if is_namespace_terminating(&status) => return Ok(()),
                other => drop(other?),
            }
        }
        for slice in &plan.update {
            self.api.update(slice).await?;
        }
        for slice in &plan.delete {
            match self.api.delete(&slice.key(), &DeleteOptions::uid(slice.uid())).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The values of [`INDEX_SERVICE`].
fn service_index(slice: &Object) -> Vec<String> {
    let value = || {
        let (manager, service) = (slice.label(MANAGED_BY)?, slice.label(SERVICE_LABEL)?);
        Some(format!("{manager}/{}/{service}", slice.namespace()))
    };
    value().into_iter().collect()
}

#[async_trait]
impl Controller for EndpointSliceController {
    fn name(&self) -> &str {
        "endpointslice"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let (services, slices) = (self.services.clone(), self.slices.clone());
        vec![
            WatchSpec::own(gvr::<Service>()),
            WatchSpec::new(gvr::<EndpointSlice>(), move |change| slices.service_of(change)),
            WatchSpec::new(gvr::<Pod>(), move |change| backends::services_of(&services, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        // The slices of a service that has gone are garbage and collected as such.
        let Some(service) = self.services.get(key) else { return Ok(Outcome::Done) };
        if backends::selector(&service).is_none() || service.is_terminating() {
            return Ok(Outcome::Done);
        }
        let pods = backends::pods(&service, &self.pods);
        let zone = |node: &str| {
            let node = self.nodes.get(&ObjectKey::cluster(node))?;
            node.label(ZONE_LABEL).map(str::to_owned)
        };
        let groups = desired::groups(&service, &pods, zone);
        let common = Common::of(&service, MANAGER);
        self.slices.write(&plan::plan(&common, groups, &self.slices.of(key))).await?;
        Ok(Outcome::Done)
    }
}
