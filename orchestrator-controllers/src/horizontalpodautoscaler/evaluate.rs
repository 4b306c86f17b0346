//! All metrics of an autoscaler: the one that asks for the most replicas decides.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricStatus, ExternalMetricStatus, HorizontalPodAutoscaler, MetricSpec,
    MetricStatus, MetricTarget, MetricValueStatus, ObjectMetricStatus, PodsMetricStatus,
    ResourceMetricStatus,
};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Amount;
use orchestrator_client::{Informer, KindExt, Recorder};
use orchestrator_core::quantity::Format;
use orchestrator_core::selector::LabelSelector as Selector;
use orchestrator_core::{Json, Quantity};

use super::Target;
use super::metrics::{Metrics, Pods, milli, requests};
use super::status::Draft;
use super::usage::{self, Aim, Tolerance};

/// How far a use may be from its aim without a change, where nobody says.
const TOLERANCE: f64 = 0.1;

/// What an autoscaler is evaluated with.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    pub scaler: &'a HorizontalPodAutoscaler,
    pub target: &'a Target,
    pub pods: &'a Informer<Pod>,
    pub scalers: &'a Informer<HorizontalPodAutoscaler>,
    pub metrics: &'a Metrics,
    pub recorder: &'a Recorder,
    pub now: Timestamp,
}

/// The most that any metric asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evaluation {
    pub replicas: i32,
    /// Which one asks for it.
    pub metric: String,
}

/// What one metric asks for.
struct Measured {
    replicas: i32,
    name: String,
    status: MetricStatus,
}

impl Evaluator<'_> {
    /// Evaluates all metrics; what was measured and what failed is left in `draft`.
    ///
    /// # Errors
    /// No metric can be had, or not all of them while the others would shrink the target.
    pub(super) async fn evaluate(&self, draft: &mut Draft) -> Result<Evaluation, String> {
        let pods = self.selected(draft)?;
        let specs = self.scaler.spec.metrics.as_deref().unwrap_or_default();
        let (mut best, mut statuses) = (None::<Evaluation>, Vec::new());
        let (mut failed, mut first) = (0, None);
        for spec in specs {
            match self.measure(spec, &pods).await {
                Ok(Measured { replicas, name, status }) => {
                    statuses.push(status);
                    if best.as_ref().is_none_or(|best| replicas > best.replicas) {
                        best = Some(Evaluation { replicas, metric: name });
                    }
                }
                Err(error) => {
                    let reason = failure(&spec.type_);
                    self.recorder.warning(self.scaler, reason, error.clone());
                    failed += 1;
                    first.get_or_insert((reason, error));
                }
            }
        }
        draft.metrics(statuses);
        if let Some((reason, error)) = first
            && best.as_ref().is_none_or(|best| best.replicas < self.target.wanted)
        {
            let message = format!("the HPA was unable to compute the replica count: {error}");
            draft.condition("ScalingActive", false, reason, message);
            let all = specs.len();
            return Err(format!(
                "invalid metrics ({failed} invalid out of {all}), first error is: {error}"
            ));
        }
        let best = best.ok_or("no metrics are given")?;
        let message = format!(
            "the HPA was able to successfully calculate a replica count from {}",
            best.metric
        );
        draft.condition("ScalingActive", true, "ValidMetricFound", message);
        Ok(best)
    }

    /// The pods of the target, which no other autoscaler may be in charge of.
    fn selected(&self, draft: &mut Draft) -> Result<Vec<Arc<Pod>>, String> {
        let text = &self.target.selector;
        if text.is_empty() {
            self.recorder.warning(self.scaler, "SelectorRequired", "selector is required");
            let message = "the HPA target's scale is missing a selector";
            draft.condition("ScalingActive", false, "InvalidSelector", message);
            return Err("selector is required".into());
        }
        let selector: Selector = text.parse().map_err(|error| {
            let error = format!(
                "couldn't convert selector into a corresponding internal selector object: {error}"
            );
            self.recorder.warning(self.scaler, "InvalidSelector", error.clone());
            draft.condition("ScalingActive", false, "InvalidSelector", error.clone());
            error
        })?;
        if let Some(others) = self.rivals() {
            let message =
                format!("pods by selector {text} are controlled by multiple HPAs: [{others}]");
            self.recorder.warning(self.scaler, "AmbiguousSelector", message.clone());
            draft.condition("ScalingActive", false, "AmbiguousSelector", message.clone());
            return Err(message);
        }
        let empty = std::collections::BTreeMap::new();
        let pods = self.pods.namespace(self.scaler.namespace());
        let matches = |pod: &Arc<Pod>| {
            let labels = pod.metadata.labels.as_ref().unwrap_or(&empty);
            selector.matches(labels)
        };
        Ok(pods.into_iter().filter(matches).collect())
    }

    /// The autoscalers of the same target, where there are several.
    fn rivals(&self) -> Option<String> {
        let ours = &self.scaler.spec.scale_target_ref;
        let all = self.scalers.namespace(self.scaler.namespace());
        let same = all.iter().filter(|other| {
            let theirs = &other.spec.scale_target_ref;
            (&theirs.kind, &theirs.name) == (&ours.kind, &ours.name)
        });
        let names: Vec<String> = same.map(|scaler| scaler.key().to_string()).collect();
        (names.len() > 1).then(|| names.join(" "))
    }

    fn tolerance(&self) -> Tolerance {
        let behavior = self.scaler.spec.behavior.as_ref();
        let told = |rules: Option<&k8s_openapi::api::autoscaling::v2::HPAScalingRules>| {
            let amount = rules.and_then(|rules| rules.tolerance.as_ref());
            let amount = amount.and_then(|amount| amount.0.parse::<Quantity>().ok());
            amount.map_or(TOLERANCE, Quantity::as_f64)
        };
        Tolerance {
            down: told(behavior.and_then(|behavior| behavior.scale_down.as_ref())),
            up: told(behavior.and_then(|behavior| behavior.scale_up.as_ref())),
        }
    }

    async fn measure(&self, spec: &MetricSpec, pods: &[Arc<Pod>]) -> Result<Measured, String> {
        let target = usage::Target {
            current: self.target.wanted,
            pods,
            tolerance: self.tolerance(),
            now: self.now,
        };
        match spec.type_.as_str() {
            "Resource" => {
                let source = spec.resource.as_ref().ok_or("no resource is given")?;
                self.resource(&target, &source.name, None, &source.target).await
            }
            "ContainerResource" => {
                let source = spec.container_resource.as_ref().ok_or("no resource is given")?;
                let container = Some(source.container.as_str());
                self.resource(&target, &source.name, container, &source.target).await
            }
            "Pods" => self.of_pods(spec, &target).await,
            "Object" => self.of_object(spec, &target).await,
            "External" => self.of_world(spec, &target).await,
            other => Err(format!("unknown metric source type \"{other}\" for metric")),
        }
    }

    fn selection(&self) -> Pods<'_> {
        Pods { namespace: self.scaler.namespace(), selector: &self.target.selector }
    }

    async fn resource(
        &self,
        target: &usage::Target<'_>,
        name: &str,
        container: Option<&str>,
        aim: &MetricTarget,
    ) -> Result<Measured, String> {
        let what = if aim.average_value.is_some() { "usage" } else { "utilization" };
        let failed = |error: String| format!("failed to get {name} {what}: {error}");
        let samples = self.metrics.resource(self.selection(), name, container).await;
        let samples = samples
            .map_err(|e| failed(format!("unable to get metrics for resource {name}: {e}")))?;
        let (aim, label) = match (&aim.average_value, aim.average_utilization) {
            (Some(value), _) => (Aim::Value(amount(value)), format!("{name} resource")),
            (None, Some(percent)) => {
                let requests = requests(target.pods, name, container).map_err(failed)?;
                let kind = if container.is_some() { "container resource" } else { "resource" };
                let label = format!("{name} {kind} utilization (percentage of request)");
                (Aim::Percent(percent, requests), label)
            }
            (None, None) => {
                return Err("invalid resource metric source: neither an average utilization nor an average value (usage) target was set".into());
            }
        };
        let found = usage::propose(target, samples, &aim, name == "cpu");
        let found = found.map_err(|error| failed(error.to_string()))?;
        let current = MetricValueStatus {
            average_utilization: found.percent,
            average_value: Some(told(found.value)),
            value: None,
        };
        let mut status = MetricStatus::default();
        match container {
            None => {
                status.type_ = "Resource".into();
                status.resource = Some(ResourceMetricStatus { current, name: name.into() });
            }
            Some(container) => {
                status.type_ = "ContainerResource".into();
                status.container_resource = Some(ContainerResourceMetricStatus {
                    container: container.into(),
                    current,
                    name: name.into(),
                });
            }
        }
        Ok(Measured { replicas: found.replicas, name: label, status })
    }

    async fn of_pods(
        &self,
        spec: &MetricSpec,
        target: &usage::Target<'_>,
    ) -> Result<Measured, String> {
        let source = spec.pods.as_ref().ok_or("no pods metric is given")?;
        let name = &source.metric.name;
        let failed = |error: String| format!("failed to get pods metric value: {error}");
        let labels = source.metric.selector.as_ref();
        let samples = self.metrics.pods(self.selection(), name, labels).await;
        let samples = samples.map_err(|e| failed(format!("unable to get metric {name}: {e}")))?;
        let aim = Aim::Value(source.target.average_value.as_ref().map_or(0, amount));
        let found = usage::propose(target, samples, &aim, false);
        let found = found.map_err(|error| failed(error.to_string()))?;
        let status =
            PodsMetricStatus { current: average(found.value), metric: source.metric.clone() };
        let status =
            MetricStatus { type_: "Pods".into(), pods: Some(status), ..MetricStatus::default() };
        Ok(Measured { replicas: found.replicas, name: format!("pods metric {name}"), status })
    }

    async fn of_object(
        &self,
        spec: &MetricSpec,
        target: &usage::Target<'_>,
    ) -> Result<Measured, String> {
        let source = spec.object.as_ref().ok_or("no object metric is given")?;
        let (object, metric) = (&source.described_object, &source.metric);
        let found = self
            .metrics
            .object(self.scaler.namespace(), object, &metric.name, metric.selector.as_ref())
            .await;
        let used = found.map_err(|error| {
            let (kind, name) = (&object.kind, &object.name);
            let of = self.scaler.namespace();
            format!(
                "failed to get object metric value: unable to get metric {}: {kind} on {of} {name}/{error}",
                metric.name
            )
        })?;
        let (replicas, current) = self.single(target, &source.target, used)?;
        let name = format!("{} metric {}", object.kind, metric.name);
        let status = ObjectMetricStatus {
            current,
            described_object: object.clone(),
            metric: metric.clone(),
        };
        let status = MetricStatus {
            type_: "Object".into(),
            object: Some(status),
            ..MetricStatus::default()
        };
        Ok(Measured { replicas, name, status })
    }

    async fn of_world(
        &self,
        spec: &MetricSpec,
        target: &usage::Target<'_>,
    ) -> Result<Measured, String> {
        let source = spec.external.as_ref().ok_or("no external metric is given")?;
        let (name, labels) = (&source.metric.name, source.metric.selector.as_ref());
        let namespace = self.scaler.namespace();
        let used = self.metrics.external(namespace, name, labels).await.map_err(|error| {
            format!(
                "failed to get {name} external metric value: unable to get external metric {namespace}/{name}: {error}"
            )
        })?;
        let (replicas, current) = self.single(target, &source.target, used)?;
        let status = ExternalMetricStatus { current, metric: source.metric.clone() };
        let status = MetricStatus {
            type_: "External".into(),
            external: Some(status),
            ..MetricStatus::default()
        };
        Ok(Measured { replicas, name: format!("external metric {name}"), status })
    }

    /// What one measurement for all replicas together asks for.
    fn single(
        &self,
        target: &usage::Target<'_>,
        aim: &MetricTarget,
        used: i64,
    ) -> Result<(i32, MetricValueStatus), String> {
        if let (Some(value), "Value") = (&aim.value, aim.type_.as_str()) {
            let ratio = used as f64 / amount(value) as f64;
            let replicas = usage::by_ratio(target, ratio).map_err(|error| error.to_string())?;
            let status =
                MetricValueStatus { value: Some(told(used)), ..MetricValueStatus::default() };
            return Ok((replicas, status));
        }
        let Some(share) = &aim.average_value else {
            return Err(
                "invalid metric source: neither a value target nor an average value target was set"
                    .into(),
            );
        };
        let (replicas, each) =
            usage::by_share(target.tolerance, self.target.present, used, amount(share));
        Ok((replicas, average(each)))
    }
}

/// The reason of a metric that cannot be had.
fn failure(r#type: &str) -> &'static str {
    match r#type {
        "Resource" => "FailedGetResourceMetric",
        "ContainerResource" => "FailedGetContainerResourceMetric",
        "Pods" => "FailedGetPodsMetric",
        "Object" => "FailedGetObjectMetric",
        "External" => "FailedGetExternalMetric",
        _ => "InvalidMetricSourceType",
    }
}

fn average(value: i64) -> MetricValueStatus {
    MetricValueStatus { average_value: Some(told(value)), ..MetricValueStatus::default() }
}

fn amount(amount: &Amount) -> i64 {
    milli(&Json::from(amount.0.as_str())).unwrap_or(0)
}

fn told(milli: i64) -> Amount {
    Amount(Quantity::from_milli(milli, Format::DecimalSi).to_string())
}
