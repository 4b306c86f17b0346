//! A workload as a cluster of nodes and pods, so that any scheduler can take part.
//!
//! Machines are nodes, seat by seat; tasks are pods. What is free of each GPU is an
//! annotation of the node, as a device plugin would publish it, so a scheduler's decision stays a
//! function of the snapshot. [`GpuShare`] is the filter that reads it; [`Preference`] makes a
//! score plugin of any policy, so that policies can be mixed with the built-in plugins.

mod gpu_share;
mod objects;
mod preference;

pub use gpu_share::GpuShare;
pub use objects::{GPU_COUNT, GPU_FREE, GPU_MILLI, GPU_MODEL};
pub use preference::Preference;

pub(super) use objects::{node, pod, seat_of};

use std::sync::Arc;

use super::policy::{
    BestFit, CuttingStock, DotProduct, FragmentationGradient, GpuClustering, GpuPacking, Policy,
    WorstFit,
};
use super::workload::Workload;
use crate::config::Registry;
use crate::framework::Plugin;

/// A policy for a workload.
type MakePolicy = fn(&Workload) -> Arc<dyn Policy>;

/// The shipped policies, by the names that they have as plugins.
const POLICIES: [(&str, MakePolicy); 7] = [
    ("DotProduct", |_| Arc::new(DotProduct)),
    ("GpuClustering", |_| Arc::new(GpuClustering)),
    ("GpuPacking", |_| Arc::new(GpuPacking)),
    ("BestFit", |_| Arc::new(BestFit)),
    ("WorstFit", |_| Arc::new(WorstFit)),
    ("FragmentationGradient", |workload| Arc::new(FragmentationGradient::new(workload))),
    ("CuttingStock", |workload| Arc::new(CuttingStock::new(workload))),
];

/// The plugins that a configuration can name in a bench of `workload`: the built-in ones,
/// [`GpuShare`], which is on by default, and the shipped policies.
pub fn registry(workload: &Workload) -> Registry {
    let mut registry = Registry::default().with_default(Arc::new(GpuShare), 1);
    let workload = Arc::new(workload.clone());
    for (name, make) in POLICIES {
        let workload = Arc::clone(&workload);
        let plugin = move |_: &serde_json::Value| {
            let plugin: Arc<dyn Plugin> = Arc::new(Preference::new(name, make(&workload)));
            Ok(plugin)
        };
        registry = registry.with(name, Arc::new(plugin));
    }
    registry
}

#[cfg(test)]
mod tests;
