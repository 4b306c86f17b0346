//! Controllers made of a closure.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};

/// A controller that reconciles with a closure.
///
/// # Examples
/// ```
/// use orchestrator_controllers::controller_fn;
/// use orchestrator_core::GroupVersionResource;
/// use orchestrator_core::controller::{Outcome, WatchSpec};
///
/// let config_maps = GroupVersionResource::new("", "v1", "configmaps");
/// let controller = controller_fn("audit", vec![WatchSpec::own(config_maps)], |key, _| async move {
///     println!("{key} has changed");
///     Ok(Outcome::Done)
/// });
/// assert_eq!(controller.name(), "audit");
/// ```
pub fn controller_fn<F, Fut>(
    name: impl Into<String>,
    watches: Vec<WatchSpec>,
    reconcile: F,
) -> Arc<dyn Controller>
where
    F: Fn(ObjectKey, ReconcileContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Outcome, Status>> + Send + 'static,
{
    Arc::new(ControllerFn { name: name.into(), watches, reconcile })
}

struct ControllerFn<F> {
    name: String,
    watches: Vec<WatchSpec>,
    reconcile: F,
}

impl<F> fmt::Debug for ControllerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControllerFn").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl<F, Fut> Controller for ControllerFn<F>
where
    F: Fn(ObjectKey, ReconcileContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Outcome, Status>> + Send + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn watches(&self) -> Vec<WatchSpec> {
        self.watches.clone()
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        (self.reconcile)(key.clone(), cx.clone()).await
    }
}
