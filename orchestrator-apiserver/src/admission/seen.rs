//! What several steps of one request look at, read once.

use std::sync::{Arc, OnceLock};

use orchestrator_core::value::Item;
use orchestrator_core::{GroupVersionResource, Status};

use super::configuration::{Configuration, Configured};
use crate::registry::Objects;

/// The surroundings of a request, as they were when somebody first looked.
#[derive(Debug, Default)]
pub struct Seen {
    namespace: OnceLock<Option<Item>>,
    limit_ranges: OnceLock<Vec<Item>>,
    configuration: OnceLock<Arc<Configuration>>,
}

impl Seen {
    /// The namespace `name`.
    pub(super) async fn namespace(
        &self,
        objects: &Objects,
        name: &str,
    ) -> Result<Option<&Item>, Status> {
        if let Some(seen) = self.namespace.get() {
            return Ok(seen.as_ref());
        }
        let gvr = GroupVersionResource::new("", "v1", "namespaces");
        let found = objects.get(&gvr, "", name).await?;
        Ok(self.namespace.get_or_init(|| found).as_ref())
    }

    /// The policies and webhooks that hold for the request.
    pub(super) async fn configuration(
        &self,
        configured: &Configured,
        objects: &Objects,
    ) -> Result<&Arc<Configuration>, Status> {
        if let Some(seen) = self.configuration.get() {
            return Ok(seen);
        }
        let found = configured.now(objects).await?;
        Ok(self.configuration.get_or_init(|| found))
    }

    /// The limit ranges of the namespace `name`.
    pub(super) async fn limit_ranges(
        &self,
        objects: &Objects,
        name: &str,
    ) -> Result<&[Item], Status> {
        if let Some(seen) = self.limit_ranges.get() {
            return Ok(seen);
        }
        let gvr = GroupVersionResource::new("", "v1", "limitranges");
        let found = objects.list(&gvr, name).await?;
        Ok(self.limit_ranges.get_or_init(|| found))
    }
}
