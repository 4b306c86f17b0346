//! Endpoints: the addresses of a service's pods in one object, for clients of the old API.
//!
//! `plan` computes the object from the service and its pods; the rest writes it.

mod plan;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, Recorder, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

use crate::backends;
use crate::deps::ControllerDeps;
use crate::workload::podcontrol::is_namespace_terminating;

/// Keeps the Endpoints of services with selectors; its keys are services.
#[derive(Debug)]
pub struct EndpointsController {
    services: Informer<Service>,
    pods: Informer<Pod>,
    endpoints: Informer<Endpoints>,
    api: Api<Endpoints>,
    recorder: Recorder,
}

impl EndpointsController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            services: deps.informers.of(),
            pods: deps.informers.of(),
            endpoints: deps.informers.of(),
            api: deps.client().api(),
            recorder: deps.recorder("endpoint-controller"),
        }
    }

    async fn write(&self, service: &Service, found: Option<&Endpoints>) -> Result<(), Status> {
        let pods = backends::pods(service, &self.pods);
        let wanted = plan::desired(service, &pods, found);
        let (written, reason) = match found {
            Some(found) if plan::same(found, &wanted) => return Ok(()),
            Some(_) => (self.api.update(&wanted).await, "FailedToUpdateEndpoint"),
            None => (self.api.create(&wanted).await, "FailedToCreateEndpoint"),
        };
        match written {
            Err(status) if !is_namespace_terminating(&status) => {
                if !status.is_conflict() {
                    let key = service.key();
                    let message = format!("Failed to write endpoint {key}: {}", status.message);
                    self.recorder.warning(service, reason, message);
                }
                Err(status)
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Controller for EndpointsController {
    fn name(&self) -> &str {
        "endpoints"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let services = self.services.clone();
        vec![
            WatchSpec::own(gvr::<Service>()),
            WatchSpec::own(gvr::<Endpoints>()),
            WatchSpec::new(gvr::<Pod>(), move |change| backends::services_of(&services, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let found = self.endpoints.get(key);
        match (self.services.get(key), found) {
            (Some(service), found) if backends::selector(&service).is_some() => {
                self.write(&service, found.as_deref()).await?;
            }
            // The service has gone, and its endpoints with it; those that somebody made for a
            // service to come are left alone.
            (None, Some(found)) if plan::is_ours(&found) => {
                match self.api.delete(key, &DeleteOptions::uid(found.uid())).await {
                    Err(status) if !status.is_not_found() => return Err(status),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(Outcome::Done)
    }
}
