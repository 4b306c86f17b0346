//! What the scheduler writes: bindings, conditions, evictions, and the events that tell of them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::{Client, DeleteOptions, Patch, Recorder};
use orchestrator_core::Status;
use orchestrator_core::env::Busy;
use orchestrator_core::scheduler::{Nomination, PodInfo, Rejection, Scheduler as _};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

use crate::framework::Framework;

/// The reason of a condition where no node takes the pod.
const UNSCHEDULABLE: &str = "Unschedulable";

/// The reason of a condition where the scheduler, or the API, failed.
const SCHEDULER_ERROR: &str = "SchedulerError";

/// Writes what one scheduler has decided.
#[derive(Clone, Debug)]
pub(super) struct Effects {
    client: Client,
    recorder: Recorder,
    /// Whose plugins bind.
    cycle: Arc<Framework>,
    /// One for each write that may be under way.
    slots: Arc<Semaphore>,
}

/// How an effect ended.
#[derive(Debug)]
pub(super) enum Done {
    /// The loop has nothing to do.
    Written,
    /// The pod is bound, as soon as the API shows it.
    Bound { pod: Arc<PodInfo> },
    /// The pod was not bound; its room is free again.
    NotBound {
        pod: Arc<PodInfo>,
        reason: String,
        /// Held until the loop has put the pod back.
        _busy: Busy,
    },
}

impl Effects {
    /// The plugins of `cycle` bind; events are told in its name.
    pub fn new(client: &Client, cycle: Arc<Framework>, slots: Arc<Semaphore>) -> Self {
        let recorder = Recorder::new(client, cycle.name(), "");
        Self { client: client.clone(), recorder, cycle, slots }
    }

    /// Runs the binding cycle.
    pub async fn bind(self, pod: Arc<PodInfo>, node: Arc<str>, busy: Busy) -> Done {
        match self.cycle.bind(&self.client, &self.slots, &pod, &node).await {
            Ok(()) => {
                info!(pod = %pod.key, node = %node, "pod bound");
                let text = format!("Successfully assigned {} to {node}", pod.key);
                self.recorder.normal(&*pod.pod, "Scheduled", text);
                Done::Bound { pod }
            }
            Err((plugin, refusal)) => {
                let reason = refusal.reasons.join(", ");
                warn!(pod = %pod.key, node = %node, plugin, reason, "pod not bound");
                Done::NotBound { pod, reason, _busy: busy }
            }
        }
    }

    /// Tells why no node takes the pod, and makes room where that was decided.
    pub async fn reject(self, pod: Arc<PodInfo>, rejection: Rejection, _busy: Busy) -> Done {
        let text = rejection.to_string();
        debug!(pod = %pod.key, reason = text, "pod unschedulable");
        self.recorder.warning(&*pod.pod, "FailedScheduling", text.clone());
        let nominated = match &rejection.nomination {
            Some(nomination) => Some(json!(&*nomination.node)),
            None if rejection.withdraws && pod.nominated_node().is_some() => Some(Value::Null),
            None => None,
        };
        let _slot = self.slots.acquire().await.expect("nobody closes the slots");
        // Where nobody refused the pod, something went wrong.
        let failed = rejection.rejected_by.is_empty() && !rejection.whole.is_empty();
        let reason = if failed { SCHEDULER_ERROR } else { UNSCHEDULABLE };
        self.set_condition(&pod, reason, &text, nominated).await;
        if let Some(nomination) = &rejection.nomination {
            self.evict(&pod, nomination).await;
        }
        Done::Written
    }

    /// Tells that the pod could not be bound and is tried again.
    pub async fn tell_not_bound(self, pod: Arc<PodInfo>, reason: String, _busy: Busy) -> Done {
        let text = format!("binding rejected: {reason}");
        self.recorder.warning(&*pod.pod, "FailedScheduling", text.clone());
        self.set_condition(&pod, SCHEDULER_ERROR, &text, None).await;
        Done::Written
    }

    /// Writes why the pod has no node, and where it was promised room, null for nowhere any more.
    async fn set_condition(
        &self,
        pod: &PodInfo,
        reason: &str,
        text: &str,
        nominated: Option<Value>,
    ) {
        if has_condition(&pod.pod, reason, text) && nominated.is_none() {
            return;
        }
        let mut status = json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": reason, "message": text,
            "lastProbeTime": null, "lastTransitionTime": self.transition(&pod.pod),
        }]});
        if let Some(nominated) = nominated {
            status["nominatedNodeName"] = nominated;
        }
        self.patch_status(pod, status).await;
    }

    /// The condition's last change of status: now, unless it was false before.
    fn transition(&self, pod: &Pod) -> Value {
        let before = condition(pod).filter(|condition| condition.status == "False");
        match before.and_then(|condition| condition.last_transition_time.as_ref()) {
            Some(time) => json!(time),
            None => json!(self.client.env().now_rfc3339()),
        }
    }

    /// Sends the victims away.
    async fn evict(&self, pod: &PodInfo, nomination: &Nomination) {
        for victim in nomination.victims.iter().filter(|victim| !victim.is_terminating()) {
            let scheduler = pod.scheduler_name();
            let text = format!("{scheduler}: preempting to accommodate a higher priority pod");
            let condition = json!({"conditions": [{
                "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
                "message": text, "lastTransitionTime": self.client.env().now_rfc3339(),
            }]});
            self.patch_status(victim, condition).await;
            let only = DeleteOptions::uid(victim.pod.metadata.uid.clone().unwrap_or_default());
            match self.client.api::<Pod>().delete(&victim.key, &only).await {
                Ok(()) => {
                    info!(pod = %victim.key, node = %nomination.node, "pod preempted");
                    let by = pod.pod.metadata.uid.as_deref().unwrap_or_default();
                    let text = format!("Preempted by pod {by} on node {}", nomination.node);
                    self.recorder.normal(&*victim.pod, "Preempted", text);
                }
                Err(status) => self.trace(victim, &status),
            }
        }
    }

    async fn patch_status(&self, pod: &PodInfo, status: Value) {
        let uid = pod.pod.metadata.uid.as_deref().unwrap_or_default();
        let patch = Patch::Strategic(json!({"metadata": {"uid": uid}, "status": status}));
        if let Err(status) = self.client.api::<Pod>().patch_status(&pod.key, patch).await {
            self.trace(pod, &status);
        }
    }

    /// A pod that has gone or changed in between is no news: the next change is seen anyway.
    fn trace(&self, pod: &PodInfo, status: &Status) {
        debug!(pod = %pod.key, %status, "write refused");
    }
}

fn condition(pod: &Pod) -> Option<&k8s_openapi::api::core::v1::PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == "PodScheduled")
}

fn has_condition(pod: &Pod, reason: &str, text: &str) -> bool {
    condition(pod).is_some_and(|condition| {
        condition.status == "False"
            && condition.reason.as_deref() == Some(reason)
            && condition.message.as_deref() == Some(text)
    })
}
