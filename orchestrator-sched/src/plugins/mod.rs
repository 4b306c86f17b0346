//! The plugins: one file each, named after what upstream calls them.
//!
//! A new plugin copies the shape of its neighbour: a type, [`Plugin`], the traits of its
//! extension points, tests. [`defaults`] has the order, which is part of the behaviour: the
//! first filter that refuses a node gives the reason.
//!
//! [`Plugin`]: crate::framework::Plugin

mod default_binder;
pub(crate) mod default_preemption;
mod dynamic_resources;
pub mod gang_scheduling;
mod image_locality;
pub(crate) mod inter_pod_affinity;
mod node_affinity;
mod node_declared_features;
mod node_name;
mod node_ports;
mod node_resources_balanced;
mod node_resources_fit;
mod node_unschedulable;
mod node_volume_limits;
mod pod_claims;
pub(crate) mod pod_topology_spread;
mod priority_sort;
mod resource_scores;
mod scheduling_gates;
mod taint_toleration;
mod volume_binding;
mod volume_restrictions;
mod volume_zone;

pub use default_binder::DefaultBinder;
pub use default_preemption::DefaultPreemption;
pub use dynamic_resources::DynamicResources;
pub use gang_scheduling::GangScheduling;
pub use image_locality::ImageLocality;
pub(crate) use image_locality::image_spread;
pub use inter_pod_affinity::InterPodAffinity;
pub use node_affinity::NodeAffinity;
pub use node_declared_features::NodeDeclaredFeatures;
pub use node_name::NodeName;
pub use node_ports::NodePorts;
pub use node_resources_balanced::NodeResourcesBalancedAllocation;
pub use node_resources_fit::{NodeResourcesFit, ScoringStrategy, ShapePoint};
pub use node_unschedulable::NodeUnschedulable;
pub use node_volume_limits::NodeVolumeLimits;
pub use pod_topology_spread::PodTopologySpread;
pub use priority_sort::PrioritySort;
pub use resource_scores::ResourceWeight;
pub(crate) use resource_scores::Share;
pub use scheduling_gates::SchedulingGates;
pub use taint_toleration::TaintToleration;
pub use volume_binding::VolumeBinding;
pub use volume_restrictions::VolumeRestrictions;
pub use volume_zone::VolumeZone;

use std::sync::Arc;

use crate::framework::{Framework, FrameworkBuilder, Plugin};

/// The plugins that a scheduler has unless it is configured otherwise, in order, each with the
/// weight of its score, which means nothing where it has none.
pub fn default_set() -> Vec<(Arc<dyn Plugin>, i64)> {
    vec![
        (Arc::new(SchedulingGates), 1),
        (Arc::new(PrioritySort), 1),
        (Arc::new(NodeUnschedulable), 1),
        (Arc::new(NodeName), 1),
        (Arc::new(TaintToleration), 3),
        (Arc::new(NodeAffinity::default()), 2),
        (Arc::new(NodePorts), 1),
        (Arc::new(NodeResourcesFit::default()), 1),
        (Arc::new(VolumeRestrictions), 1),
        (Arc::new(NodeVolumeLimits), 1),
        (Arc::new(VolumeBinding::default()), 1),
        (Arc::new(VolumeZone), 1),
        (Arc::new(PodTopologySpread::default()), 2),
        (Arc::new(InterPodAffinity::default()), 2),
        (Arc::new(DynamicResources), 1),
        (Arc::new(NodeDeclaredFeatures), 1),
        (Arc::new(DefaultPreemption), 1),
        (Arc::new(NodeResourcesBalancedAllocation::default()), 1),
        (Arc::new(ImageLocality), 1),
        (Arc::new(DefaultBinder), 1),
    ]
}

/// A scheduler of the [default plugins](default_set), to be changed or built.
pub fn defaults(name: impl Into<String>) -> FrameworkBuilder {
    default_set().into_iter().fold(Framework::builder(name), |builder, (plugin, weight)| {
        let name = plugin.name();
        builder.with_shared(plugin).weight_if_scoring(name, weight)
    })
}
