//! GpuShare: a node takes a pod only where single GPUs have room for it.

use std::sync::Arc;

use crate::framework::{Cycle, Filter, FilterPlugin, Plugin, Points, Refusal};
use crate::trace::fleet::Room;
use crate::trace::workload::Shape;

/// Filters by the room on each GPU, by model, and by how many tasks of an application a machine
/// takes: what NodeResourcesFit, which knows sums, does not see.
#[derive(Clone, Copy, Debug, Default)]
pub struct GpuShare;

impl Plugin for GpuShare {
    fn name(&self) -> &'static str {
        "GpuShare"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }
}

impl FilterPlugin for GpuShare {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let task = Shape::of(cycle.pod);
        if task.gpus == 0 && task.max_per_machine == 0 {
            return Filter::Skip;
        }
        Filter::each(move |node| match Room::of(node).fits(&task) {
            true => Ok(()),
            false => Err(Refusal::resolvable("Insufficient room on single GPUs")),
        })
    }
}
