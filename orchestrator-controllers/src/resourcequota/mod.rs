//! ResourceQuotas: what all objects of a namespace take together, kept in the status.
//!
//! The API server refuses what goes beyond the status and adds to it at once, before it stores an
//! object; this controller counts anew when objects take less than before, or go. It must not when
//! they come: what it counts may not be stored yet, and would be forgotten.

mod count;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use orchestrator_client::{Api, Informer, Informers, KindExt, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::quota::{Amounts, amounts, counted_resource, usage};
use orchestrator_core::{GroupResource, Item, ObjectKey, Status};

use crate::deps::{ControllerDeps, Resources};

/// Keeps the statuses of quotas.
#[derive(Debug)]
pub struct ResourceQuotaController {
    quotas: Informer<ResourceQuota>,
    informers: Informers,
    resources: Resources,
    api: Api<ResourceQuota>,
}

impl ResourceQuotaController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            quotas: deps.informers.of(),
            informers: deps.informers.clone(),
            resources: deps.resources.clone(),
            api: deps.client().api(),
        }
    }

    /// The objects of a resource in a namespace, as far as anybody follows them.
    fn objects(&self, resource: &GroupResource, namespace: &str) -> Vec<Item> {
        let mut served = self.resources.deletable().into_iter();
        let found = served.find(|served| served.gvr.group_resource() == *resource);
        let cache = found.and_then(|served| self.informers.existing(&served.gvr));
        cache.map(|cache| cache.namespace(namespace)).unwrap_or_default()
    }

    /// What a quota's objects take, in its own words.
    fn used(&self, quota: &Item, hard: &Amounts) -> Result<Amounts, Status> {
        let quota = quota.tree().map_err(Status::internal)?;
        let mut resources: Vec<GroupResource> =
            hard.keys().map(|word| counted_resource(word)).collect();
        resources.sort();
        resources.dedup();
        let mut count = count::Count::new(quota, hard);
        for resource in &resources {
            for item in self.objects(resource, quota.namespace()) {
                count.add(resource, item.tree().map_err(Status::internal)?);
            }
        }
        Ok(count.finish())
    }
}

/// How often a quota is counted anew without a reason: for what was added and then not stored.
const RECOUNT: Duration = Duration::from_secs(300);

/// The quotas that a change of an object of `resource` concerns: those of its namespace, where it
/// takes less of anything than before.
fn quotas_of(
    quotas: &Informer<ResourceQuota>,
    resource: &GroupResource,
    change: &Change,
) -> Vec<ObjectKey> {
    let Some(key) = change.item().map(Item::key) else { return Vec::new() };
    let there = quotas.namespace(&key.namespace);
    if there.is_empty() {
        return Vec::new();
    }
    let takes = |item: &Option<Item>| {
        let tree = item.as_ref().and_then(|item| item.tree().ok().map(Arc::clone));
        tree.map(|tree| usage(resource, &tree))
    };
    let after = takes(&change.new).unwrap_or_default();
    let less = takes(&change.old).unwrap_or_default().into_iter().any(|(word, before)| {
        after.iter().find(|(other, _)| **other == word).is_none_or(|(_, now)| *now < before)
    });
    if less { there.iter().map(|quota| quota.key()).collect() } else { Vec::new() }
}

/// The quota itself, where it was made or asks for something else. That the API server has added
/// to its status is no reason.
fn own(change: &Change) -> Vec<ObjectKey> {
    let parts = |item: &Option<Item>| {
        let tree = item.as_ref()?.lean().ok()?;
        Some((tree.uid().to_owned(), tree.at(&["spec"]).cloned()))
    };
    match parts(&change.old) == parts(&change.new) {
        true => Vec::new(),
        false => change.new.as_ref().map(Item::key).into_iter().collect(),
    }
}

#[async_trait]
impl Controller for ResourceQuotaController {
    fn name(&self) -> &str {
        "resourcequota"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let quotas = WatchSpec::new(gvr::<ResourceQuota>(), own);
        let counted = self.resources.deletable().into_iter().filter(|served| served.namespaced);
        let others = counted.map(|served| {
            let (quotas, resource) = (self.quotas.clone(), served.gvr.group_resource());
            WatchSpec::new(served.gvr, move |change| quotas_of(&quotas, &resource, change))
        });
        [quotas].into_iter().chain(others).collect()
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let cache = self.informers.resource(&gvr::<ResourceQuota>());
        let (Some(item), Some(quota)) = (cache.get(key), self.quotas.get(key)) else {
            return Ok(Outcome::Done);
        };
        let tree = item.tree().map_err(Status::internal)?;
        let hard = amounts(tree.at(&["spec", "hard"]));
        let used = self.used(&item, &hard)?;
        let stated = |part| amounts(tree.at(&["status", part]));
        if stated("hard") == hard && stated("used") == used && quota.status.is_some() {
            return Ok(Outcome::RequeueAfter(RECOUNT));
        }
        let status = ResourceQuotaStatus { hard: Some(told(&hard)), used: Some(told(&used)) };
        let quota = ResourceQuota { status: Some(status), ..(*quota).clone() };
        self.api.update_status(&quota).await?;
        Ok(Outcome::RequeueAfter(RECOUNT))
    }
}

fn told(amounts: &Amounts) -> std::collections::BTreeMap<String, Quantity> {
    amounts.iter().map(|(word, amount)| (word.clone(), Quantity(amount.to_string()))).collect()
}
