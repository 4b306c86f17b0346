//! The arguments of the built-in plugins.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{NodeAffinity as WireNodeAffinity, TopologySpreadConstraint};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::registry::Make;
use crate::framework::Plugin;
use crate::plugins::{
    InterPodAffinity, NodeAffinity, NodeResourcesBalancedAllocation, NodeResourcesFit,
    PodTopologySpread, ResourceWeight, ScoringStrategy, ShapePoint, VolumeBinding,
};

/// The largest weight that upstream takes for required pod affinity.
const MAX_HARD_WEIGHT: i64 = 100;

/// The highest score of a shape.
const MAX_SHAPE_SCORE: i64 = 10;

/// How a built-in plugin is made: from its arguments where it takes some, else as it is.
pub(super) fn maker(plugin: Arc<dyn Plugin>) -> Make {
    match plugin.name() {
        "InterPodAffinity" => made(inter_pod_affinity),
        "NodeAffinity" => made(node_affinity),
        "NodeResourcesBalancedAllocation" => made(balanced),
        "NodeResourcesFit" => made(fit),
        "PodTopologySpread" => made(spread),
        "VolumeBinding" => made(volume_binding),
        name => Arc::new(move |args: &Json| match args.is_null() {
            true => Ok(Arc::clone(&plugin)),
            false => Err(format!("{name} takes no arguments here")),
        }),
    }
}

/// A maker from a function over typed arguments.
fn made<A: DeserializeOwned + 'static, P: Plugin>(make: fn(A) -> Result<P, String>) -> Make {
    Arc::new(move |args: &Json| {
        let mut args = args.clone();
        match &mut args {
            Json::Null => args = Json::Object(serde_json::Map::new()),
            // What the arguments are is told by the plugin's name already.
            Json::Object(fields) => {
                fields.remove("apiVersion");
                fields.remove("kind");
            }
            _ => {}
        }
        let args = serde_json::from_value(args).map_err(|why| why.to_string())?;
        Ok(Arc::new(make(args)?))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InterPodAffinityArgs {
    hard_pod_affinity_weight: Option<i64>,
    ignore_preferred_terms_of_existing_pods: Option<bool>,
}

fn inter_pod_affinity(args: InterPodAffinityArgs) -> Result<InterPodAffinity, String> {
    let mut plugin = InterPodAffinity::default();
    match args.hard_pod_affinity_weight {
        None => {}
        Some(weight @ 0..=MAX_HARD_WEIGHT) => plugin = plugin.hard_weight(weight),
        Some(_) => return Err("hardPodAffinityWeight: not in valid range [0-100]".into()),
    }
    match args.ignore_preferred_terms_of_existing_pods {
        Some(true) => Ok(plugin.ignoring_preferences()),
        _ => Ok(plugin),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NodeAffinityArgs {
    added_affinity: Option<WireNodeAffinity>,
}

fn node_affinity(args: NodeAffinityArgs) -> Result<NodeAffinity, String> {
    Ok(args.added_affinity.map(NodeAffinity::with_added).unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    name: String,
    weight: Option<i64>,
}

/// CPU and memory unless others are named.
fn resources(given: Option<Vec<Resource>>) -> Result<Vec<ResourceWeight>, String> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(ResourceWeight::defaults());
    };
    let read = |(index, resource): (usize, Resource)| match resource.weight.unwrap_or(1) {
        weight @ 1..=100 => Ok(ResourceWeight::new(resource.name, weight)),
        _ => Err(format!("resources[{index}].weight: not in valid range [1-100]")),
    };
    given.into_iter().enumerate().map(read).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BalancedArgs {
    resources: Option<Vec<Resource>>,
}

fn balanced(args: BalancedArgs) -> Result<NodeResourcesBalancedAllocation, String> {
    Ok(NodeResourcesBalancedAllocation::new(resources(args.resources)?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FitArgs {
    ignored_resources: Option<Vec<String>>,
    ignored_resource_groups: Option<Vec<String>>,
    scoring_strategy: Option<Strategy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Strategy {
    r#type: Option<String>,
    resources: Option<Vec<Resource>>,
    requested_to_capacity_ratio: Option<Ratio>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ratio {
    shape: Vec<Point>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    utilization: i64,
    score: i64,
}

fn fit(args: FitArgs) -> Result<NodeResourcesFit, String> {
    let mut plugin = match args.scoring_strategy {
        None => NodeResourcesFit::default(),
        Some(strategy) => {
            let at = |why: String| format!("scoringStrategy.{why}");
            let resources = resources(strategy.resources).map_err(at)?;
            let ratio = strategy.requested_to_capacity_ratio;
            NodeResourcesFit::new(kind(strategy.r#type.as_deref(), ratio).map_err(at)?, resources)
        }
    };
    for name in args.ignored_resources.into_iter().flatten() {
        plugin = plugin.ignoring(name);
    }
    for group in args.ignored_resource_groups.into_iter().flatten() {
        if group.contains('/') {
            return Err(format!("ignoredResourceGroups: {group:?} can't contain '/'"));
        }
        plugin = plugin.ignoring_group(group);
    }
    Ok(plugin)
}

fn kind(name: Option<&str>, ratio: Option<Ratio>) -> Result<ScoringStrategy, String> {
    match name.unwrap_or("LeastAllocated") {
        "LeastAllocated" => Ok(ScoringStrategy::LeastAllocated),
        "MostAllocated" => Ok(ScoringStrategy::MostAllocated),
        "RequestedToCapacityRatio" => {
            let shape = ratio.map(|ratio| ratio.shape).unwrap_or_default();
            Ok(ScoringStrategy::RequestedToCapacityRatio(points(shape)?))
        }
        other => Err(format!("type: {other:?} is not supported")),
    }
}

fn points(shape: Vec<Point>) -> Result<Vec<ShapePoint>, String> {
    const AT: &str = "requestedToCapacityRatio.shape";
    if shape.is_empty() {
        return Err(format!("{AT}: at least one point must be specified"));
    }
    for (index, point) in shape.iter().enumerate() {
        let at = format!("{AT}[{index}]");
        if !(0..=100).contains(&point.utilization) {
            return Err(format!("{at}.utilization: not in valid range [0-100]"));
        }
        if !(0..=MAX_SHAPE_SCORE).contains(&point.score) {
            return Err(format!("{at}.score: not in valid range [0-{MAX_SHAPE_SCORE}]"));
        }
        if index > 0 && shape[index - 1].utilization >= point.utilization {
            return Err(format!("{at}.utilization: values must be sorted in increasing order"));
        }
    }
    let point = |point: Point| ShapePoint { utilization: point.utilization, score: point.score };
    Ok(shape.into_iter().map(point).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SpreadArgs {
    defaulting_type: Option<String>,
    default_constraints: Option<Vec<TopologySpreadConstraint>>,
}

fn spread(args: SpreadArgs) -> Result<PodTopologySpread, String> {
    let constraints = args.default_constraints.unwrap_or_default();
    match args.defaulting_type.as_deref().unwrap_or("System") {
        "System" if constraints.is_empty() => Ok(PodTopologySpread::default()),
        "System" => Err("defaultConstraints: when .defaultingType is System, must be empty".into()),
        "List" if constraints.iter().any(|constraint| constraint.label_selector.is_some()) => {
            Err("defaultConstraints: constraint must not define a selector".into())
        }
        "List" => Ok(PodTopologySpread::with_defaults(constraints)),
        other => Err(format!("defaultingType: {other:?} is not supported")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VolumeBindingArgs {
    bind_timeout_seconds: Option<i64>,
}

fn volume_binding(args: VolumeBindingArgs) -> Result<VolumeBinding, String> {
    match args.bind_timeout_seconds {
        None => Ok(VolumeBinding::default()),
        Some(seconds @ 0..) => {
            Ok(VolumeBinding::with_timeout(Duration::from_secs(seconds.unsigned_abs())))
        }
        Some(_) => {
            Err("bindTimeoutSeconds: invalid BindTimeoutSeconds, should not be a negative value"
                .into())
        }
    }
}
