//! Custom resources that come and go while controllers run.
//!
//! The definitions are watched; a definition that says that it is established may be served a
//! moment later, and nothing tells of that, so that it is looked for a few times.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use orchestrator_client::{Informer, Informers, KindExt, gvr};
use orchestrator_core::GroupResource;
use tokio::sync::Notify;

use super::Controllers;
use crate::Resources;

/// The first wait for a resource to be served, or to be served no more; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// How often a resource is looked for: some 13 seconds in all.
const TRIES: u32 = 8;

/// The changes of the definitions of custom resources.
#[derive(Debug)]
pub(super) struct Changes {
    definitions: Informer<CustomResourceDefinition>,
    resources: Resources,
    changed: Arc<Notify>,
    /// All resources that were custom ones at any time, as far as they may still be served.
    custom: BTreeSet<GroupResource>,
}

impl Changes {
    /// Follows the definitions, where there are any.
    pub(super) fn follow(informers: &Informers, resources: &Resources) -> Option<Self> {
        if !resources.serves(&gvr::<CustomResourceDefinition>()) {
            return None;
        }
        let definitions = informers.of::<CustomResourceDefinition>();
        let changed = Arc::new(Notify::new());
        let notify = Arc::clone(&changed);
        definitions.on_change(Arc::new(move |_| notify.notify_one()));
        let resources = resources.clone();
        Some(Self { definitions, resources, changed, custom: BTreeSet::new() })
    }

    /// Rewires the controllers at each change; dropping the future ends it.
    pub(super) async fn run(mut self, controllers: Arc<Controllers>) {
        loop {
            self.changed.notified().await;
            let busy = controllers.env.activity().begin();
            let mut wait = FIRST_WAIT;
            for _ in 0..TRIES {
                self.resources.refresh().await;
                controllers.rewire(&self.resources);
                if self.is_settled() {
                    break;
                }
                controllers.env.sleep(wait).await;
                wait *= 2;
            }
            drop(busy);
        }
    }

    /// Whether exactly the established custom resources are served.
    fn is_settled(&mut self) -> bool {
        let served: BTreeSet<_> =
            self.resources.list().iter().map(|r| r.gvr.group_resource()).collect();
        let definitions = self.definitions.list();
        let established: BTreeSet<_> =
            definitions.iter().filter(|d| is_established(d)).map(|d| resource(d)).collect();
        let present: BTreeSet<_> = definitions.iter().map(|d| resource(d)).collect();
        self.custom.extend(established.iter().cloned());
        self.custom.retain(|resource| present.contains(resource) || served.contains(resource));
        established.iter().all(|resource| served.contains(resource))
            && self.custom.iter().all(|resource| present.contains(resource))
    }
}

/// The resource that a definition defines.
fn resource(definition: &CustomResourceDefinition) -> GroupResource {
    let spec = &definition.spec;
    GroupResource::new(spec.group.clone(), spec.names.plural.clone())
}

/// Whether a definition's resource is served, or is about to be.
pub(crate) fn is_established(definition: &CustomResourceDefinition) -> bool {
    let conditions = definition.status.as_ref().and_then(|status| status.conditions.as_deref());
    !definition.is_terminating()
        && conditions
            .unwrap_or_default()
            .iter()
            .any(|condition| condition.type_ == "Established" && condition.status == "True")
}
