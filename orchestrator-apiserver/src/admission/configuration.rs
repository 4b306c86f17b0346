//! The policies, bindings and webhooks that are stored, kept ready for use.
//!
//! Nothing polls and nothing runs in the background: a request that has to know looks at the
//! store's watches once, so what was written before it came holds for it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use orchestrator_core::Status;
use orchestrator_core::object::Object;

use super::AdmissionRequest;
use super::mutating_policy::{Binding as MutatingBinding, Policy as MutatingPolicy};
use super::validating_policy::{Binding, Policy};
use super::webhook::Webhook;
use crate::authz::follow::{Follow, Image};
use crate::registry::Objects;

const GROUP: &str = "admissionregistration.k8s.io";

/// All that is configured, by name. A request takes it as it is at its begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    pub(crate) validating_policies: BTreeMap<String, Arc<Policy>>,
    pub(crate) validating_bindings: BTreeMap<String, Arc<Binding>>,
    pub(crate) mutating_policies: BTreeMap<String, Arc<MutatingPolicy>>,
    pub(crate) mutating_bindings: BTreeMap<String, Arc<MutatingBinding>>,
    pub(crate) validating_webhooks: BTreeMap<String, Arc<[Webhook]>>,
    pub(crate) mutating_webhooks: BTreeMap<String, Arc<[Webhook]>>,
}

/// What the store's watches are kept in.
#[derive(Default)]
struct Kept(Arc<Configuration>);

impl Image for Kept {
    const RESOURCES: &'static [(&'static str, &'static str, &'static str)] = &[
        (GROUP, "v1", "validatingadmissionpolicies"),
        (GROUP, "v1", "validatingadmissionpolicybindings"),
        (GROUP, "v1", "mutatingadmissionpolicies"),
        (GROUP, "v1", "mutatingadmissionpolicybindings"),
        (GROUP, "v1", "validatingwebhookconfigurations"),
        (GROUP, "v1", "mutatingwebhookconfigurations"),
    ];

    fn put(&mut self, which: usize, key: &str, object: &Object) {
        let all = Arc::make_mut(&mut self.0);
        let key = key.to_owned();
        match which {
            0 => drop(all.validating_policies.insert(key, Arc::new(Policy::read(object)))),
            1 => drop(all.validating_bindings.insert(key, Arc::new(Binding::read(object)))),
            2 => drop(all.mutating_policies.insert(key, Arc::new(MutatingPolicy::read(object)))),
            3 => drop(all.mutating_bindings.insert(key, Arc::new(MutatingBinding::read(object)))),
            4 => drop(all.validating_webhooks.insert(key, Webhook::all(object))),
            _ => drop(all.mutating_webhooks.insert(key, Webhook::all(object))),
        }
    }

    fn remove(&mut self, which: usize, key: &str) {
        let all = Arc::make_mut(&mut self.0);
        match which {
            0 => drop(all.validating_policies.remove(key)),
            1 => drop(all.validating_bindings.remove(key)),
            2 => drop(all.mutating_policies.remove(key)),
            3 => drop(all.mutating_bindings.remove(key)),
            4 => drop(all.validating_webhooks.remove(key)),
            _ => drop(all.mutating_webhooks.remove(key)),
        }
    }
}

/// Where the steps of one server take the configuration from.
#[derive(Debug, Default)]
pub(crate) struct Configured {
    kept: OnceLock<Follow<Kept>>,
}

impl Configured {
    /// The configuration that holds for a request.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn of<'r>(
        &self,
        request: &'r AdmissionRequest<'_>,
    ) -> Result<&'r Arc<Configuration>, Status> {
        request.seen.configuration(self, request.objects).await
    }

    /// The configuration as it is now.
    pub(super) async fn now(&self, objects: &Objects) -> Result<Arc<Configuration>, Status> {
        let kept = self.kept.get_or_init(|| Follow::new(objects.clone()));
        kept.look(|kept| Arc::clone(&kept.0)).await
    }
}

/// Whether a request changes the configuration itself: then no policy and no webhook has a say, so
/// that a bad one can be taken back.
pub(crate) fn is_exempt(request: &AdmissionRequest<'_>) -> bool {
    request.resource.def.gvr.group == GROUP
}
