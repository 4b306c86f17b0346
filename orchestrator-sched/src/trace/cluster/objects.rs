//! Machines as nodes, tasks as pods, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Node, NodeStatus, Pod, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use orchestrator_core::scheduler::{NodeInfo, PodInfo};

use crate::trace::fleet::Room;
use crate::trace::workload::{MAX_CARDS, Shape, WHOLE_GPU};

/// The resource that is thousandths of GPUs; the annotation of a pod that is thousandths of each
/// of its GPUs.
pub const GPU_MILLI: &str = "alibabacloud.com/gpu-milli";

/// The resource, and the annotation of a pod, that is a number of GPUs.
pub const GPU_COUNT: &str = "alibabacloud.com/gpu-count";

/// The label of a node that is the number of its GPUs' model; the annotation of a pod that lists
/// the models that will do, as a number with a bit for each.
pub const GPU_MODEL: &str = "alibabacloud.com/gpu-card-model";

/// The annotation of a node that lists the thousandths that are free of each GPU.
pub const GPU_FREE: &str = "alibabacloud.com/gpu-free";

/// The resources that are units of network bandwidth and gibibytes of disk.
const NETWORK: &str = "alibabacloud.com/network";
const DISK: &str = "alibabacloud.com/disk-gib";

/// The label of a pod that is the number of its application, and the annotation that is how many
/// of it a machine takes.
const GROUP: &str = "app";
const GROUP_LIMIT: &str = "alibabacloud.com/max-instances-per-node";

/// More pods than any trace puts on a machine: the number is not what traces limit.
const PODS: i64 = 1_000_000;

const BYTES_PER_MIB: i64 = 1 << 20;

fn amounts<const N: usize>(amounts: [(&str, String); N]) -> BTreeMap<String, Quantity> {
    let quantity = |(name, amount): (&str, String)| (name.to_owned(), Quantity(amount));
    amounts.into_iter().map(quantity).collect()
}

fn texts<const N: usize>(texts: [(&str, String); N]) -> BTreeMap<String, String> {
    texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// The name of the node in a seat; in the order of names is in the order of seats.
fn name_of(seat: u32) -> String {
    format!("machine-{seat:010}")
}

/// The seat of a node.
pub(in crate::trace) fn seat_of(name: &str) -> Option<u32> {
    name.strip_prefix("machine-")?.parse().ok()
}

/// The node of a machine that was `empty`, of whose GPUs `now` says what is free.
pub(in crate::trace) fn node(seat: u32, empty: &Room, now: &Room) -> Node {
    let free: Vec<String> = now.cards().iter().map(u16::to_string).collect();
    let allocatable = amounts([
        ("cpu", format!("{}m", empty.cpu_milli)),
        ("memory", format!("{}Mi", empty.memory_mib)),
        ("pods", PODS.to_string()),
        (GPU_MILLI, empty.gpu_free().to_string()),
        (GPU_COUNT, empty.gpus.to_string()),
        (NETWORK, empty.network.to_string()),
        (DISK, empty.disk_gib.to_string()),
    ]);
    Node {
        metadata: ObjectMeta {
            name: Some(name_of(seat)),
            labels: Some(texts([(GPU_MODEL, empty.model.to_string())])),
            annotations: Some(texts([(GPU_FREE, free.join(","))])),
            ..ObjectMeta::default()
        },
        status: Some(NodeStatus {
            allocatable: Some(allocatable.clone()),
            capacity: Some(allocatable),
            ..NodeStatus::default()
        }),
        ..Node::default()
    }
}

/// The pod of the task `number`.
pub(in crate::trace) fn pod(number: u64, task: &Shape) -> Arc<PodInfo> {
    let requests = amounts([
        ("cpu", format!("{}m", task.cpu_milli)),
        ("memory", format!("{}Mi", task.memory_mib)),
        (GPU_MILLI, task.gpu_total().to_string()),
        (NETWORK, task.network.to_string()),
        (DISK, task.disk_gib.to_string()),
    ]);
    let container = Container {
        name: "task".to_owned(),
        resources: Some(ResourceRequirements {
            requests: Some(requests),
            ..ResourceRequirements::default()
        }),
        ..Container::default()
    };
    let annotations = texts([
        (GPU_COUNT, task.gpus.to_string()),
        (GPU_MILLI, task.gpu_milli.to_string()),
        (GPU_MODEL, task.models.to_string()),
        (GROUP_LIMIT, task.max_per_machine.to_string()),
    ]);
    Arc::new(PodInfo::new(Arc::new(Pod {
        metadata: ObjectMeta {
            name: Some(format!("task-{number}")),
            namespace: Some("trace".to_owned()),
            uid: Some(number.to_string()),
            labels: Some(texts([(GROUP, task.group.to_string())])),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec { containers: vec![container], ..PodSpec::default() }),
        ..Pod::default()
    })))
}

impl Shape {
    /// What a pod asks for; without annotations about GPUs, none.
    pub fn of(pod: &PodInfo) -> Self {
        let annotation = |name: &str| pod.pod.metadata.annotations.as_ref()?.get(name);
        fn number<T: std::str::FromStr + Default>(text: Option<&String>) -> T {
            text.and_then(|text| text.parse().ok()).unwrap_or_default()
        }
        let gpus = number::<u8>(annotation(GPU_COUNT)).min(MAX_CARDS as u8);
        Self {
            cpu_milli: pod.requests.cpu_milli,
            memory_mib: pod.requests.memory / BYTES_PER_MIB,
            gpus,
            gpu_milli: match gpus {
                0 => 0,
                _ => number::<u16>(annotation(GPU_MILLI)).clamp(1, WHOLE_GPU),
            },
            models: annotation(GPU_MODEL)
                .and_then(|text| text.parse().ok())
                .unwrap_or(Self::ANY_MODEL),
            network: pod.requests.get(NETWORK),
            disk_gib: pod.requests.get(DISK),
            group: number(pod.labels().get(GROUP)),
            max_per_machine: number(annotation(GROUP_LIMIT)),
        }
    }
}

impl Room {
    /// What is free on a node; without annotations about GPUs, it has none.
    pub fn of(node: &NodeInfo) -> Self {
        let free = |name: &str| node.allocatable.get(name) - node.requested.get(name);
        let annotations = node.node.metadata.annotations.as_ref();
        let cards = annotations.and_then(|all| all.get(GPU_FREE)).map_or("", String::as_str);
        let mut room = Self {
            cpu_milli: free("cpu"),
            memory_mib: free("memory") / BYTES_PER_MIB,
            cards: [0; MAX_CARDS],
            gpus: 0,
            model: node.labels().get(GPU_MODEL).and_then(|m| m.parse().ok()).unwrap_or_default(),
            network: free(NETWORK),
            disk_gib: free(DISK),
            groups: smallvec::SmallVec::new(),
            users: [0; MAX_CARDS + 1],
        };
        for (card, text) in room.cards.iter_mut().zip(cards.split(',').filter(|t| !t.is_empty())) {
            *card = text.parse().unwrap_or_default();
            room.gpus += 1;
        }
        for pod in &node.pods {
            room.count_user(&Shape::of(pod), 1);
        }
        room
    }
}
