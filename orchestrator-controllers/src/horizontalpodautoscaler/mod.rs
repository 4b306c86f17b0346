//! HorizontalPodAutoscalers: as many replicas of a target as what is measured asks for.
//!
//! ```text
//! metrics ──▶ usage: how many replicas each measurement asks for
//!   evaluate: all metrics of an autoscaler ──▶ the most of them, statuses, what failed
//!     limits: bounds, stabilisation, rates ──▶ scale subresource of the target, status
//! ```
//!
//! What is measured lies outside of the cluster's own objects and nothing tells of its changes:
//! each autoscaler is looked at every 15 seconds, and written only where something has changed.

mod evaluate;
mod limits;
mod metrics;
mod status;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::{Api, Client, Informer, KindExt, Recorder, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::resource::split_api_version;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{GroupVersionResource, Json, Object, ObjectKey, Status, Verb};
use parking_lot::Mutex;

use crate::deps::{ControllerDeps, Resources};
use evaluate::{Evaluation, Evaluator};
use limits::{Bounds, Memory};
use metrics::Metrics;
use status::Draft;

/// How often an autoscaler is looked at.
const PERIOD: Duration = Duration::from_secs(15);

/// Keeps targets at the size that what is measured asks for.
#[derive(Debug)]
pub struct HorizontalPodAutoscalerController {
    scalers: Informer<HorizontalPodAutoscaler>,
    pods: Informer<Pod>,
    resources: Resources,
    client: Client,
    api: Api<HorizontalPodAutoscaler>,
    metrics: Metrics,
    recorder: Recorder,
    memory: Mutex<BTreeMap<String, Memory>>,
}

/// The target of an autoscaler as its scale subresource tells it.
#[derive(Clone, Debug)]
struct Target {
    resource: GroupVersionResource,
    key: ObjectKey,
    scale: Object,
    /// What the target shall have, and what it has.
    wanted: i32,
    present: i32,
    selector: String,
}

impl HorizontalPodAutoscalerController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let client = deps.client().clone();
        Self {
            scalers: deps.informers.of(),
            pods: deps.informers.of(),
            resources: deps.resources.clone(),
            api: client.api(),
            metrics: Metrics::new(client.clone(), deps.resources.clone()),
            client,
            recorder: deps.recorder("horizontal-pod-autoscaler"),
            memory: Mutex::default(),
        }
    }

    async fn target(&self, scaler: &HorizontalPodAutoscaler) -> Result<Target, String> {
        let reference = &scaler.spec.scale_target_ref;
        let version = reference.api_version.as_deref().unwrap_or_default();
        let group = split_api_version(version).0;
        let Some(served) = self.resources.of_kind(group, &reference.kind) else {
            let kind = &reference.kind;
            return Err(format!("no matches for kind \"{kind}\" in group \"{group}\""));
        };
        let key = ObjectKey::new(scaler.namespace().to_owned(), reference.name.clone());
        let request = self.client.request(Verb::Get, served.gvr.clone()).object(&key);
        let answer = self.client.call(request.subresource("scale")).await;
        let scale = match answer.map_err(|status| status.message)?.body {
            ResponseBody::Object { item, .. } => {
                item.to_object().map_err(|error| error.to_string())?
            }
            _ => return Err("a scale was expected".into()),
        };
        let number = |path: &[&str]| {
            scale.int_at(path).and_then(|number| i32::try_from(number).ok()).unwrap_or(0)
        };
        Ok(Target {
            resource: served.gvr,
            key,
            wanted: number(&["spec", "replicas"]),
            present: number(&["status", "replicas"]),
            selector: scale.text_at(&["status", "selector"]).to_owned(),
            scale,
        })
    }

    /// Brings the target to so many replicas.
    async fn rescale(&self, target: &Target, replicas: i32) -> Result<(), Status> {
        let mut scale = target.scale.clone();
        scale.map_mut("spec").insert("replicas".into(), Json::from(replicas));
        let request = self.client.request(Verb::Update, target.resource.clone());
        let request = request.object(&target.key).subresource("scale").body(scale);
        self.client.call(request).await.map(drop)
    }

    async fn run(&self, scaler: &HorizontalPodAutoscaler) -> Result<(), Status> {
        let mut draft = Draft::new(scaler, crate::clock::now(self.client.env()));
        let outcome = self.decide(scaler, &mut draft).await;
        if let Some(status) = draft.finish() {
            let scaler = HorizontalPodAutoscaler { status: Some(status), ..scaler.clone() };
            self.api.update_status(&scaler).await?;
        }
        // What failed is told in conditions and events, and tried again in time.
        if let Err(error) = outcome {
            tracing::debug!(scaler = %scaler.key(), error, "not scaled");
        }
        Ok(())
    }

    /// Decides about one autoscaler and carries it out; what is to be told is left in `draft`.
    async fn decide(
        &self,
        scaler: &HorizontalPodAutoscaler,
        draft: &mut Draft,
    ) -> Result<(), String> {
        let target = match self.target(scaler).await {
            Ok(target) => target,
            Err(error) => {
                self.recorder.warning(scaler, "FailedGetScale", error.clone());
                let message = format!(
                    "the HPA controller was unable to get the target's current scale: {error}"
                );
                draft.condition("AbleToScale", false, "FailedGetScale", message);
                return Err(error);
            }
        };
        let message = "the HPA controller was able to get the target's current scale";
        draft.condition("AbleToScale", true, "SucceededGetScale", message);
        let spec = &scaler.spec;
        let (min, max) = (spec.min_replicas.unwrap_or(1), spec.max_replicas);
        let behavior = spec.behavior.as_ref();
        let bounds = Bounds { current: target.wanted, min, max, behavior };
        let (replicas, reason) = match self.wanted(scaler, &target, &bounds, draft).await {
            Ok(wanted) => wanted,
            Err(error) => {
                draft.replicas(target.present, None);
                let message = error.clone();
                self.recorder.warning(scaler, "FailedComputeMetricsReplicas", message);
                return Err(error);
            }
        };
        if replicas == target.wanted {
            draft.replicas(target.present, Some(replicas));
            return Ok(());
        }
        self.carry_out(scaler, &target, &bounds, (replicas, &reason), draft).await
    }

    /// How many replicas there shall be, and why.
    async fn wanted(
        &self,
        scaler: &HorizontalPodAutoscaler,
        target: &Target,
        bounds: &Bounds<'_>,
        draft: &mut Draft,
    ) -> Result<(i32, String), String> {
        let Bounds { current, min, max, .. } = *bounds;
        let now = self.client.env().now();
        self.remember(scaler, |memory| memory.begin(now, current));
        if current == 0 && min != 0 {
            let message = "scaling is disabled since the replica count of the target is zero";
            draft.condition("ScalingActive", false, "ScalingDisabled", message);
            return Ok((0, String::new()));
        }
        if current > max {
            return Ok((max, "Current number of replicas above Spec.MaxReplicas".into()));
        }
        if current < min {
            return Ok((min, "Current number of replicas below Spec.MinReplicas".into()));
        }
        let Evaluation { replicas, metric } = self.evaluate(scaler, target, draft).await?;
        let limited = self.remember(scaler, |memory| memory.limit(bounds, now, replicas));
        draft.verdict("AbleToScale", &limited.able);
        draft.verdict("ScalingLimited", &limited.limited);
        let reason = match limited.replicas > current {
            true if replicas > 0 => format!("{metric} above target"),
            true => String::new(),
            false => "All metrics below target".into(),
        };
        Ok((limited.replicas, reason))
    }

    async fn evaluate(
        &self,
        scaler: &HorizontalPodAutoscaler,
        target: &Target,
        draft: &mut Draft,
    ) -> Result<Evaluation, String> {
        let evaluator = Evaluator {
            scaler,
            target,
            pods: &self.pods,
            scalers: &self.scalers,
            metrics: &self.metrics,
            recorder: &self.recorder,
            now: self.client.env().now(),
        };
        evaluator.evaluate(draft).await
    }

    async fn carry_out(
        &self,
        scaler: &HorizontalPodAutoscaler,
        target: &Target,
        bounds: &Bounds<'_>,
        (replicas, reason): (i32, &str),
        draft: &mut Draft,
    ) -> Result<(), String> {
        if let Err(status) = self.rescale(target, replicas).await {
            let error = status.message;
            let message = format!("New size: {replicas}; reason: {reason}; error: {error}");
            self.recorder.warning(scaler, "FailedRescale", message);
            let message =
                format!("the HPA controller was unable to update the target scale: {error}");
            draft.condition("AbleToScale", false, "FailedUpdateScale", message);
            draft.replicas(target.present, None);
            return Err(error);
        }
        let message =
            format!("the HPA controller was able to update the target scale to {replicas}");
        draft.condition("AbleToScale", true, "SucceededRescale", message);
        let message = format!("New size: {replicas}; reason: {reason}");
        self.recorder.normal(scaler, "SuccessfulRescale", message);
        let now = self.client.env().now();
        self.remember(scaler, |memory| memory.scaled(bounds, now, replicas));
        draft.replicas(target.present, Some(replicas));
        draft.scaled();
        Ok(())
    }

    fn remember<T>(&self, scaler: &HorizontalPodAutoscaler, f: impl FnOnce(&mut Memory) -> T) -> T {
        f(self.memory.lock().entry(scaler.uid().to_owned()).or_default())
    }

    /// Forgets what was remembered of autoscalers that are gone.
    fn forget(&self) {
        let present: Vec<Arc<HorizontalPodAutoscaler>> = self.scalers.list();
        self.memory.lock().retain(|uid, _| present.iter().any(|scaler| scaler.uid() == uid));
    }
}

#[async_trait]
impl Controller for HorizontalPodAutoscalerController {
    fn name(&self) -> &str {
        "horizontal-pod-autoscaler"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::new(gvr::<HorizontalPodAutoscaler>(), |change| {
            // A status of our own making is no reason to look again before it is time.
            let generation = |item: &Option<orchestrator_core::Item>| {
                let tree = item.as_ref()?.lean().ok()?;
                Some((tree.uid().to_owned(), tree.at(&["spec"]).cloned()))
            };
            match generation(&change.old) == generation(&change.new) {
                true => Vec::new(),
                false => change.item().map(orchestrator_core::Item::key).into_iter().collect(),
            }
        })]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(scaler) = self.scalers.get(key).filter(|scaler| !scaler.is_terminating()) else {
            self.forget();
            return Ok(Outcome::Done);
        };
        match self.run(&scaler).await {
            Err(status) if !status.is_conflict() => Err(status),
            _ => Ok(Outcome::RequeueAfter(PERIOD)),
        }
    }
}
