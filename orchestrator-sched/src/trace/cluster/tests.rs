//! Machines and tasks, there and back.

use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo};
use proptest::prelude::*;

use super::*;
use crate::trace::fleet::Room;
use crate::trace::workload::{Machine, Shape};

fn shape() -> impl Strategy<Value = Shape> {
    let gpu = prop_oneof![
        Just((0u8, 0u16)),
        (1..=1000u16).prop_map(|milli| (1, milli)),
        (1..=4u8).prop_map(|gpus| (gpus, 1000)),
    ];
    (gpu, 0..9000i64, 0..5000i64, 1..4u64, 0..3u16).prop_map(|(gpu, cpu, memory, models, limit)| {
        let mut shape = Shape::new(cpu, memory);
        ((shape.gpus, shape.gpu_milli), shape.models) = (gpu, models);
        (shape.group, shape.max_per_machine, shape.network) = (limit, limit, memory / 1000);
        shape
    })
}

proptest! {
    #[test]
    fn a_node_is_its_machine_and_a_pod_its_task(tasks in prop::collection::vec(shape(), 0..8)) {
        let mut machine = Machine::new("m", 40_000, 20_000);
        (machine.gpus, machine.model, machine.network, machine.disk_gib) = (4, 1, 9, 7);
        let empty = Room::new(&machine);
        let mut room = empty.clone();
        let mut pods: Vec<Arc<PodInfo>> = Vec::new();
        for (number, task) in (0..).zip(&tasks) {
            let pod = pod(number, task);
            prop_assert_eq!(Shape::of(&pod), *task);
            if room.fits(task) {
                room.add(task, if task.gpus > 0 { room.tightest_cards(task) } else { 0 });
                pods.push(pod);
            }
        }
        let mut info = NodeInfo::new(Arc::new(node(17, &empty, &room)));
        pods.into_iter().for_each(|pod| info.add(pod));
        prop_assert_eq!(seat_of(&info.name), Some(17));
        prop_assert_eq!(Room::of(&info), room);
    }
}

#[test]
fn what_is_no_machine_of_a_trace_has_no_gpus() {
    let node = Arc::new(k8s_openapi::api::core::v1::Node::default());
    assert_eq!(Room::of(&NodeInfo::new(node)).gpus, 0);
    let pod = PodInfo::new(Arc::default());
    assert_eq!(Shape::of(&pod), Shape::new(0, 0));
    assert_eq!(seat_of("node-1"), None);
}
