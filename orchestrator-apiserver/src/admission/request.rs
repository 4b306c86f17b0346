//! What an admission step sees of a request.

use std::sync::Arc;

use parking_lot::Mutex;

use orchestrator_core::object::Object;
use orchestrator_core::request::Options;
use orchestrator_core::value::Item;
use orchestrator_core::{Env, Status, UserInfo};

use super::Seen;
use crate::authz::Authorizer;
use crate::registry::{Objects, Resource};

/// What a write does to the object; a patch is an update, or a create where nothing was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It makes the object.
    Create,
    /// It changes the object.
    Update,
    /// It deletes the object.
    Delete,
    /// It opens a stream to the object.
    Connect,
}

/// A write on its way to the store.
#[derive(Debug)]
pub struct AdmissionRequest<'a> {
    /// What the write does.
    pub operation: Operation,
    /// To which resource.
    pub resource: &'a Resource,
    /// To which part of it; empty for the whole.
    pub subresource: &'a str,
    /// In which namespace; empty for a cluster-scoped object.
    pub namespace: &'a str,
    /// To which object; empty for a create whose name is to be generated.
    pub name: &'a str,
    /// On whose behalf.
    pub user: &'a UserInfo,
    /// With which options.
    pub options: &'a Options,
    /// The new object, or the body of a subresource; empty for a deletion.
    pub object: Object,
    /// The object as it was; `None` for a create.
    pub old: Option<&'a Object>,
    /// All other objects.
    pub objects: &'a Objects,
    /// What of them several steps look at.
    pub seen: &'a Seen,
    /// Who decides who may do what.
    pub authorizer: &'a Arc<dyn Authorizer>,
    /// Clock and randomness.
    pub env: &'a Env,
    /// Collects warnings for the client.
    pub warnings: &'a Mutex<Vec<String>>,
}

impl AdmissionRequest<'_> {
    /// Whether the request is about `resource` of `group` itself, not about a part of it.
    pub fn is_for(&self, group: &str, resource: &str) -> bool {
        self.subresource.is_empty()
            && self.resource.def.gvr.resource == resource
            && self.resource.def.gvr.group == group
    }

    /// Whether the request leaves no trace.
    pub fn is_dry_run(&self) -> bool {
        self.options.is_dry_run()
    }

    /// The namespace of the request, where it is there.
    ///
    /// # Errors
    /// The store's.
    pub async fn namespace_object(&self) -> Result<Option<&'_ Item>, Status> {
        self.seen.namespace(self.objects, self.namespace).await
    }

    /// Tells the client about something right but unwise, once.
    pub fn warn(&self, warning: impl Into<String>) {
        let warning = warning.into();
        let mut warnings = self.warnings.lock();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// The name of the object, where the request says it or the object has it.
    pub fn known_name(&self) -> &str {
        match self.name {
            "" => self.object.name(),
            name => name,
        }
    }

    /// The name to speak of: that of the request, or of the object, or what it begins with.
    pub fn shown_name(&self) -> &str {
        let names = [self.name, self.object.name(), self.object.generate_name()];
        names.into_iter().find(|name| !name.is_empty()).unwrap_or("Unknown")
    }

    /// The 403 that refuses this request.
    pub fn forbidden(&self, why: impl std::fmt::Display) -> Status {
        Status::forbidden(&self.resource.group_resource, self.shown_name(), why)
    }
}
