//! Reports: the difference between a pod's status and what the API has, as a patch.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use orchestrator_client::{KindExt, Patch};
use orchestrator_core::object::Map;
use orchestrator_core::{Json, Status};
use serde_json::json;

use super::Worker;
use crate::agent::mirror;
use crate::plan::status;

/// The pause before a report that failed is tried again.
const REPORT_RETRY: Duration = Duration::from_secs(1);

/// How often a report is tried at once after somebody else has changed the pod.
const CONFLICTS: usize = 4;

impl Worker {
    /// Writes the status where the API has another.
    pub(super) async fn report(&mut self) {
        self.report_at = None;
        let mut refused = None;
        for _ in 0..CONFLICTS {
            if self.memory.gone {
                return;
            }
            match self.try_report().await {
                Ok(()) => return,
                Err(status) if status.is_conflict() => refused = Some(status),
                Err(status) => return self.report_later(&status),
            }
        }
        if let Some(status) = refused {
            self.report_later(&status);
        }
    }

    async fn try_report(&mut self) -> Result<(), Status> {
        let is_static = mirror::is_static(&self.pod);
        if is_static {
            let mirror = mirror::ensure(&self.context, &self.pod, self.mirror.take()).await?;
            self.mirrored(Some(mirror));
        }
        let wanted = status(self.view(), &self.context.facts);
        let present = self.mirror.as_ref().unwrap_or(&self.pod);
        let Some(patch) = patch(present, &wanted) else { return Ok(()) };
        let key = self.pod.key();
        let written = self.context.pods().patch_status(&key, Patch::Merge(patch)).await;
        match written {
            Ok(written) if is_static => self.mirrored(Some(written)),
            Ok(written) => self.newer(written),
            // Without a mirror, a new one is made.
            Err(status) if status.is_not_found() && is_static => {
                self.mirrored(None);
                return Err(Status::new(409, "Conflict", "the mirror is gone"));
            }
            Err(status) if status.is_not_found() => self.memory.gone = true,
            Err(status) if status.is_conflict() => {
                self.read_again().await?;
                return Err(status);
            }
            Err(status) => return Err(status),
        }
        Ok(())
    }

    fn newer(&mut self, pod: Arc<Pod>) {
        if pod.revision() > self.pod.revision() {
            self.pod = pod;
        }
    }

    async fn read_again(&mut self) -> Result<(), Status> {
        match self.context.pods().find(&self.pod.key()).await? {
            found if mirror::is_static(&self.pod) => self.mirrored(found),
            Some(pod) if pod.uid() == self.pod.uid() => self.newer(pod),
            _ => self.memory.gone = true,
        }
        Ok(())
    }

    fn report_later(&mut self, status: &Status) {
        tracing::warn!(pod = %self.pod.key(), %status, "status not written");
        let at = self.context.env.now().saturating_add(REPORT_RETRY);
        self.report_at = Some(at.unwrap_or(Timestamp::MAX));
    }
}

/// The patch that makes the API's status `wanted`; `None` where it is that already.
///
/// It names uid and version of the object that was looked at, so that a status never lands on
/// another pod of the same name, and never takes back what somebody else has just written.
fn patch(present: &Pod, wanted: &PodStatus) -> Option<Json> {
    let before = present.status.as_ref().map(fields).unwrap_or_default();
    let after = fields(wanted);
    let mut changed = Map::new();
    for (name, value) in &after {
        if before.get(name) != Some(value) {
            changed.insert(name.clone(), value.clone());
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(name)) {
        changed.insert(name.clone(), Json::Null);
    }
    if changed.is_empty() {
        return None;
    }
    let meta = &present.metadata;
    let version = json!({"uid": meta.uid, "resourceVersion": meta.resource_version});
    Some(json!({"metadata": version, "status": changed}))
}

fn fields(status: &PodStatus) -> Map {
    match serde_json::to_value(status) {
        Ok(Json::Object(map)) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_written() {
        let meta = json!({"uid": "u", "resourceVersion": "7"});
        let status = json!({"phase": "Pending", "message": "old", "qosClass": "BestEffort"});
        let pod: Pod = serde_json::from_value(json!({"metadata": meta, "status": status})).unwrap();
        let mut wanted = pod.status.clone().unwrap();
        assert_eq!(patch(&pod, &wanted), None);
        wanted.phase = Some("Running".into());
        wanted.message = None;
        let expected = json!({"metadata": meta, "status": {"phase": "Running", "message": null}});
        assert_eq!(patch(&pod, &wanted), Some(expected));
    }
}
