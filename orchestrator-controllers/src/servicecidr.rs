//! Ranges of service addresses: ready when they are there, and kept while addresses depend on
//! them.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;
use k8s_openapi::api::networking::v1::{IPAddress, ServiceCIDR, ServiceCIDRStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use orchestrator_client::{Api, Informer, KindExt, Patch, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, ObjectKey, Status};
use serde_json::json;

use crate::clock;
use crate::deps::ControllerDeps;

const FINALIZER: &str = "networking.k8s.io/service-cidr-finalizer";
const READY: &str = "Ready";

/// Keeps ServiceCIDRs.
#[derive(Debug)]
pub struct ServiceCidrController {
    ranges: Informer<ServiceCIDR>,
    addresses: Informer<IPAddress>,
    api: Api<ServiceCIDR>,
}

impl ServiceCidrController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            ranges: deps.informers.of(),
            addresses: deps.informers.of(),
            api: deps.client().api(),
        }
    }

    /// Sets the condition, where it does not stand.
    async fn tell(
        &self,
        range: &ServiceCIDR,
        ready: bool,
        reason: &str,
        message: &str,
    ) -> Result<(), Status> {
        let status = if ready { "True" } else { "False" };
        let before = range.status.as_ref().and_then(|status| status.conditions.as_deref());
        let before = before.unwrap_or_default();
        if before.iter().any(|c| c.type_ == READY && c.status == status) {
            return Ok(());
        }
        let others = before.iter().filter(|condition| condition.type_ != READY).cloned();
        let condition = Condition {
            type_: READY.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            last_transition_time: clock::now(self.api.client().env()),
            observed_generation: None,
        };
        let conditions = Some(others.chain([condition]).collect());
        let range = ServiceCIDR { status: Some(ServiceCIDRStatus { conditions }), ..range.clone() };
        self.api.update_status(&range).await.map(drop)
    }

    async fn finalizers(&self, range: &ServiceCIDR, finalizers: Vec<&str>) -> Result<(), Status> {
        let metadata = json!({"finalizers": finalizers, "uid": range.uid(),
            "resourceVersion": range.metadata.resource_version});
        let patch = Patch::Merge(json!({"metadata": metadata}));
        match self.api.patch(&range.key(), patch).await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(()),
        }
    }
}

fn nets(range: &ServiceCIDR) -> Vec<IpNet> {
    let spec = range.spec.as_ref().and_then(|spec| spec.cidrs.as_deref()).unwrap_or_default();
    spec.iter().filter_map(|cidr| cidr.parse().ok()).collect()
}

/// Whether an address is in none of `ranges` but in `range`.
fn depends(address: IpAddr, range: &ServiceCIDR, ranges: &[Arc<ServiceCIDR>]) -> bool {
    let within = |range: &ServiceCIDR| nets(range).iter().any(|net| net.contains(&address));
    let others = ranges.iter().filter(|other| other.name() != range.name());
    within(range) && !others.filter(|other| !other.is_terminating()).any(|other| within(other))
}

fn has_finalizer(range: &ServiceCIDR) -> bool {
    range.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// The ranges that are to go and may have waited for an address that is gone now; and all of
/// them when a range has come, which may take addresses over.
fn waiting(ranges: &Informer<ServiceCIDR>, change: &Change) -> Vec<ObjectKey> {
    let going = ranges.list().into_iter().filter(|range| range.is_terminating());
    going.map(|range| range.key()).chain(change.new.as_ref().map(Item::key)).collect()
}

#[async_trait]
impl Controller for ServiceCidrController {
    fn name(&self) -> &str {
        "service-cidr"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let (of_range, of_address) = (self.ranges.clone(), self.ranges.clone());
        vec![
            WatchSpec::new(gvr::<ServiceCIDR>(), move |change| waiting(&of_range, change)),
            WatchSpec::new(gvr::<IPAddress>(), move |change| match change.new {
                Some(_) => Vec::new(),
                None => waiting(&of_address, change),
            }),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(range) = self.ranges.get(key) else { return Ok(Outcome::Done) };
        let present = range.metadata.finalizers.iter().flatten().map(String::as_str);
        if !range.is_terminating() {
            if !has_finalizer(&range) {
                self.finalizers(&range, present.chain([FINALIZER]).collect()).await?;
                // The new version is a change upon which the condition follows.
                return Ok(Outcome::Done);
            }
            self.tell(&range, true, "", "Kubernetes Service CIDR is ready").await?;
            return Ok(Outcome::Done);
        }
        if !has_finalizer(&range) {
            return Ok(Outcome::Done);
        }
        let ranges = self.ranges.list();
        let addresses = self.addresses.list();
        let mut used = addresses.iter().filter_map(|address| address.name().parse().ok());
        if used.any(|address| depends(address, &range, &ranges)) {
            let message = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";
            self.tell(&range, false, "Terminating", message).await?;
            return Ok(Outcome::Done);
        }
        self.finalizers(&range, present.filter(|name| *name != FINALIZER).collect()).await?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_depends_on_a_range_that_is_the_only_one_to_hold_it() {
        let range = |name: &str, cidr: &str, deleted: bool| -> Arc<ServiceCIDR> {
            let at = deleted.then_some("2026-01-01T00:00:00Z");
            let metadata = json!({"name": name, "deletionTimestamp": at});
            let range = json!({"metadata": metadata, "spec": {"cidrs": [cidr]}});
            Arc::new(serde_json::from_value(range).unwrap())
        };
        let ours = range("a", "10.0.0.0/28", true);
        let address = "10.0.0.5".parse().unwrap();
        let cases = [
            (vec![], true),
            (vec![range("b", "10.0.0.0/24", false)], false),
            (vec![range("b", "10.0.0.0/24", true)], true),
            (vec![range("b", "10.1.0.0/24", false)], true),
        ];
        for (others, want) in cases {
            assert_eq!(depends(address, &ours, &others), want);
        }
        assert!(!depends("10.9.0.1".parse().unwrap(), &ours, &[]));
    }
}
