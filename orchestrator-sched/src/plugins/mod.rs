//! The plugins: one file each, named after what upstream calls them.
//!
//! A new plugin copies the shape of its neighbour: a type, [`Plugin`], the traits of its
//! extension points, tests. [`defaults`] has the order, which is part of the behaviour: the
//! first filter that refuses a node gives the reason.
//!
//! [`Plugin`]: crate::framework::Plugin

mod default_binder;
mod default_preemption;
mod dynamic_resources;
mod image_locality;
mod inter_pod_affinity;
mod node_affinity;
mod node_declared_features;
mod node_name;
mod node_ports;
mod node_resources_balanced;
mod node_resources_fit;
mod node_unschedulable;
mod node_volume_limits;
mod pod_claims;
mod pod_topology_spread;
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
pub use image_locality::ImageLocality;
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
pub use scheduling_gates::SchedulingGates;
pub use taint_toleration::TaintToleration;
pub use volume_binding::VolumeBinding;
pub use volume_restrictions::VolumeRestrictions;
pub use volume_zone::VolumeZone;

use crate::framework::{Framework, FrameworkBuilder};

/// The plugins and weights that a scheduler has unless it is configured otherwise.
pub fn defaults(name: impl Into<String>) -> FrameworkBuilder {
    Framework::builder(name)
        .with(SchedulingGates)
        .with(PrioritySort)
        .with(NodeUnschedulable)
        .with(NodeName)
        .with(TaintToleration)
        .weight("TaintToleration", 3)
        .with(NodeAffinity::default())
        .weight("NodeAffinity", 2)
        .with(NodePorts)
        .with(NodeResourcesFit::default())
        .with(VolumeRestrictions)
        .with(NodeVolumeLimits)
        .with(VolumeBinding::default())
        .with(VolumeZone)
        .with(PodTopologySpread::default())
        .weight("PodTopologySpread", 2)
        .with(InterPodAffinity::default())
        .weight("InterPodAffinity", 2)
        .with(DynamicResources)
        .with(NodeDeclaredFeatures)
        .with(DefaultPreemption)
        .with(NodeResourcesBalancedAllocation::default())
        .with(ImageLocality)
        .with(DefaultBinder)
}
