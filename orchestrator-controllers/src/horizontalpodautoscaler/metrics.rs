//! What the metrics APIs say: of pods and containers, of objects, and of the world outside.
//!
//! These APIs are served by whoever measures, at the side of the cluster's own server.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::CrossVersionObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use orchestrator_client::Client;
use orchestrator_core::request::Options;
use orchestrator_core::resource::split_api_version;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{GroupVersionResource, Json, ObjectKey, Quantity, Status, Verb};

use super::usage::{Sample, Samples};
use crate::Resources;

const RESOURCE_API: (&str, &str) = ("metrics.k8s.io", "v1beta1");
const CUSTOM_API: (&str, &str) = ("custom.metrics.k8s.io", "v1beta2");
const EXTERNAL_API: (&str, &str) = ("external.metrics.k8s.io", "v1beta1");

/// The time that a sample is of, where it does not say.
const WINDOW: Duration = Duration::from_secs(60);

/// Asks the metrics APIs.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    client: Client,
    resources: Resources,
}

/// The pods of a target, by namespace and label selector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pods<'a> {
    pub namespace: &'a str,
    pub selector: &'a str,
}

impl Metrics {
    pub(super) fn new(client: Client, resources: Resources) -> Self {
        Self { client, resources }
    }

    /// What the pods use of a resource: all their containers, or one of them.
    pub(super) async fn resource(
        &self,
        pods: Pods<'_>,
        resource: &str,
        container: Option<&str>,
    ) -> Result<Samples, String> {
        let gvr = GroupVersionResource::new(RESOURCE_API.0, RESOURCE_API.1, "pods");
        let failed = |status: Status| {
            let why = told(&status, "pods", RESOURCE_API.0);
            format!("unable to fetch metrics from resource metrics API: {why}")
        };
        let items = self.list(gvr, pods.namespace, pods.selector).await.map_err(failed)?;
        if items.is_empty() {
            return Err("no metrics returned from resource metrics API".into());
        }
        let sample = |item: &Json| {
            let name = item["metadata"]["name"].as_str()?.to_owned();
            let containers = item["containers"].as_array()?;
            let ours = containers
                .iter()
                .filter(|c| container.is_none_or(|name| c["name"].as_str() == Some(name)));
            let mut value = None;
            for container in ours {
                let used = milli(&container["usage"][resource])?;
                value = Some(value.unwrap_or(0) + used);
            }
            Some((name, sample(item, value?)))
        };
        Ok(items.iter().filter_map(sample).collect())
    }

    /// What is measured of the pods under a name.
    pub(super) async fn pods(
        &self,
        pods: Pods<'_>,
        metric: &str,
        labels: Option<&LabelSelector>,
    ) -> Result<Samples, String> {
        let gvr = GroupVersionResource::new(CUSTOM_API.0, CUSTOM_API.1, "pods");
        let key = ObjectKey::new(pods.namespace.to_owned(), "*");
        let items = self
            .custom(gvr, &key, metric, Some(pods.selector), labels)
            .await
            .map_err(|status| custom_failed(&status))?;
        if items.is_empty() {
            return Err("no metrics returned from custom metrics API".into());
        }
        let one = |item: &Json| {
            let name = item["describedObject"]["name"].as_str()?.to_owned();
            Some((name, sample(item, milli(&item["value"])?)))
        };
        Ok(items.iter().filter_map(one).collect())
    }

    /// What is measured of one object under a name, in thousandths.
    pub(super) async fn object(
        &self,
        namespace: &str,
        object: &CrossVersionObjectReference,
        metric: &str,
        labels: Option<&LabelSelector>,
    ) -> Result<i64, String> {
        let group = split_api_version(object.api_version.as_deref().unwrap_or_default()).0;
        let Some(served) = self.resources.of_kind(group, &object.kind) else {
            return Err(format!("unable to map kind {} to a resource", object.kind));
        };
        let named = match group {
            "" => served.gvr.resource.to_string(),
            group => format!("{}.{group}", served.gvr.resource),
        };
        let gvr = GroupVersionResource::new(CUSTOM_API.0, CUSTOM_API.1, named);
        let namespace = if served.namespaced { namespace.to_owned() } else { String::new() };
        let key = ObjectKey::new(namespace, object.name.clone());
        let items = self
            .custom(gvr, &key, metric, None, labels)
            .await
            .map_err(|status| custom_failed(&status))?;
        items
            .first()
            .and_then(|item| milli(&item["value"]))
            .ok_or_else(|| "no metrics returned from custom metrics API".into())
    }

    /// What is measured outside of the cluster under a name: the sum, in thousandths.
    pub(super) async fn external(
        &self,
        namespace: &str,
        metric: &str,
        labels: Option<&LabelSelector>,
    ) -> Result<i64, String> {
        let gvr = GroupVersionResource::new(EXTERNAL_API.0, EXTERNAL_API.1, metric.to_owned());
        let selector = labels.map(selector_text).unwrap_or_default();
        let failed = |status: Status| {
            let why = told(&status, metric, EXTERNAL_API.0);
            format!("unable to fetch metrics from external metrics API: {why}")
        };
        let items = self.list(gvr, namespace, &selector).await.map_err(failed)?;
        if items.is_empty() {
            return Err("no metrics returned from external metrics API".into());
        }
        let values = items.iter().filter_map(|item| milli(&item["value"]));
        Ok(values.fold(0, i64::saturating_add))
    }

    async fn list(
        &self,
        gvr: GroupVersionResource,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<Json>, Status> {
        let options = Options { label_selector: selector.into(), ..Options::default() };
        let request = self.client.request(Verb::List, gvr).namespace(namespace).options(options);
        items(self.client.call(request).await?.body)
    }

    async fn custom(
        &self,
        gvr: GroupVersionResource,
        key: &ObjectKey,
        metric: &str,
        selector: Option<&str>,
        labels: Option<&LabelSelector>,
    ) -> Result<Vec<Json>, Status> {
        let options = Options {
            label_selector: selector.unwrap_or_default().into(),
            rest: labels
                .map(|labels| ("metricLabelSelector".to_owned(), selector_text(labels)))
                .into_iter()
                .collect(),
            ..Options::default()
        };
        let request = self.client.request(Verb::Get, gvr).object(key);
        let request = request.subresource(metric).options(options);
        items(self.client.call(request).await?.body)
    }
}

fn custom_failed(status: &Status) -> String {
    let why = match status.is_not_found() && status.details.name.is_empty() {
        true => format!("no custom metrics API ({}) registered", CUSTOM_API.0),
        false => status.message.clone(),
    };
    format!("unable to fetch metrics from custom metrics API: {why}")
}

/// A server's words; where it does not serve what was asked for, with what that was.
fn told(status: &Status, resource: &str, group: &str) -> String {
    match status.is_not_found() && status.details.name.is_empty() {
        true => format!("{} (get {resource}.{group})", status.message),
        false => status.message.clone(),
    }
}

fn items(body: ResponseBody) -> Result<Vec<Json>, Status> {
    let trees = match body {
        ResponseBody::List(list) => {
            let tree = |item: &orchestrator_core::Item| {
                let object = item.to_object().map_err(Status::internal)?;
                serde_json::to_value(object).map_err(Status::internal)
            };
            list.items.iter().map(tree).collect::<Result<_, _>>()?
        }
        ResponseBody::Object { item, .. } => {
            let tree = item.tree().map_err(Status::internal)?;
            tree.at(&["items"]).and_then(Json::as_array).cloned().unwrap_or_default()
        }
        other => {
            return Err(Status::internal(format_args!("unexpected form of answer: {other:?}")));
        }
    };
    Ok(trees)
}

fn sample(item: &Json, value: i64) -> Sample {
    let at = item["timestamp"].as_str().and_then(|text| text.parse().ok());
    let told = item["window"].as_str().and_then(|text| text.parse::<jiff::SignedDuration>().ok());
    let seconds = item["windowSeconds"].as_i64().map(jiff::SignedDuration::from_secs);
    let window = told.or(seconds).and_then(|window| Duration::try_from(window).ok());
    Sample { value, at: at.unwrap_or_default(), window: window.unwrap_or(WINDOW) }
}

/// A quantity in thousandths, rounded up.
pub(super) fn milli(quantity: &Json) -> Option<i64> {
    let quantity: Quantity = quantity.as_str()?.parse().ok()?;
    Some(quantity.milli_value())
}

/// A label selector as a request carries it.
pub(super) fn selector_text(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let set = selector.match_expressions.iter().flatten().map(|requirement| {
        let (key, values) = (&requirement.key, requirement.values.clone().unwrap_or_default());
        match requirement.operator.as_str() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.clone(),
        }
    });
    equal.chain(set).collect::<Vec<_>>().join(",")
}

/// What the pods ask for of a resource, in thousandths: all their containers, or one of them.
///
/// # Errors
/// One of them does not ask for any.
pub(super) fn requests(
    pods: &[std::sync::Arc<k8s_openapi::api::core::v1::Pod>],
    resource: &str,
    only: Option<&str>,
) -> Result<BTreeMap<String, i64>, String> {
    use orchestrator_client::KindExt;
    let mut all = BTreeMap::new();
    for pod in pods {
        let spec = pod.spec.as_ref();
        let main = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
        let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
        let sidecars = init.iter().filter(|c| c.restart_policy.as_deref() == Some("Always"));
        let mut sum = 0i64;
        for container in sidecars.chain(main) {
            if only.is_some_and(|name| name != container.name) {
                continue;
            }
            let resources = container.resources.as_ref();
            let asked = resources.and_then(|r| r.requests.as_ref()?.get(resource));
            let asked = asked.and_then(|amount| amount.0.parse::<Quantity>().ok());
            let Some(asked) = asked else {
                let (name, pod) = (&container.name, pod.name());
                return Err(format!(
                    "missing request for {resource} in container {name} of Pod {pod}"
                ));
            };
            sum = sum.saturating_add(asked.milli_value());
        }
        all.insert(pod.name().to_owned(), sum);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_are_written_as_requests_carry_them() {
        let selector: LabelSelector = serde_json::from_value(json!({
            "matchLabels": {"a": "1"}, "matchExpressions": [
                {"key": "b", "operator": "In", "values": ["x", "y"]},
                {"key": "c", "operator": "DoesNotExist"}, {"key": "d", "operator": "Exists"}]}))
        .unwrap();
        assert_eq!(selector_text(&selector), "a=1,b in (x,y),!c,d");
    }

    #[test]
    fn all_containers_must_say_what_they_ask_for() {
        let pod = |requests: Json| {
            let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [
                {"name": "a", "resources": {"requests": {"cpu": "500m"}}},
                {"name": "b", "resources": {"requests": requests}}]}});
            vec![std::sync::Arc::new(serde_json::from_value(pod).unwrap())]
        };
        let full = pod(json!({"cpu": "1"}));
        assert_eq!(requests(&full, "cpu", None).unwrap()["p"], 1500);
        let partial = pod(json!({}));
        let error = requests(&partial, "cpu", None).unwrap_err();
        assert_eq!(error, "missing request for cpu in container b of Pod p");
        assert_eq!(requests(&partial, "cpu", Some("a")).unwrap()["p"], 500);
    }
}
