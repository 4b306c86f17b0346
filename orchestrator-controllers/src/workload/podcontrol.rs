//! Making and deleting pods on behalf of a workload, with the events that tell of it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::{Api, DeleteOptions, Kind, KindExt, Recorder};
use orchestrator_core::Status;

/// The cause of a refusal that only means that the workload is about to go too.
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// Makes and deletes pods and reports it on their owners.
#[derive(Clone, Debug)]
pub(crate) struct PodControl {
    pub api: Api<Pod>,
    pub recorder: Recorder,
}

impl PodControl {
    /// Makes a pod; `None` where its namespace is being deleted.
    ///
    /// # Errors
    /// What the API answered.
    pub(crate) async fn create<K: Kind>(
        &self,
        owner: &K,
        pod: &Pod,
    ) -> Result<Option<Arc<Pod>>, Status> {
        match self.api.create(pod).await {
            Ok(made) => {
                let message = format!("Created pod: {}", made.name());
                self.recorder.normal(owner, "SuccessfulCreate", message);
                Ok(Some(made))
            }
            Err(status) if is_namespace_terminating(&status) => Ok(None),
            Err(status) => {
                let message = format!("Error creating: {}", status.message);
                self.recorder.warning(owner, "FailedCreate", message);
                Err(status)
            }
        }
    }

    /// Deletes a pod, if it is still the same one.
    ///
    /// # Errors
    /// What the API answered, but for 404.
    pub(crate) async fn delete<K: Kind>(&self, owner: &K, pod: &Pod) -> Result<(), Status> {
        match self.api.delete(&pod.key(), &DeleteOptions::uid(pod.uid())).await {
            Ok(()) => {
                let message = format!("Deleted pod: {}", pod.name());
                self.recorder.normal(owner, "SuccessfulDelete", message);
                Ok(())
            }
            Err(status) if status.is_not_found() => Ok(()),
            Err(status) => {
                let message = format!("Error deleting: {}", status.message);
                self.recorder.warning(owner, "FailedDelete", message);
                Err(status)
            }
        }
    }
}

/// Whether a write was refused because its namespace is being deleted.
pub(crate) fn is_namespace_terminating(status: &Status) -> bool {
    status.details.causes.iter().any(|cause| cause.reason == NAMESPACE_TERMINATING)
}
