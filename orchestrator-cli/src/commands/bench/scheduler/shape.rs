//! What the nodes and pods of the workloads look like.

use orchestrator::core::Json;
use serde_json::json;

/// The label that tells zones.
const ZONE: &str = "topology.kubernetes.io/zone";

/// The label that tells nodes.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The node that pods name.
pub const NAMED: &str = "scheduler-perf-node";

/// The driver of the volumes.
const DRIVER: &str = "ebs.csi.aws.com";

/// How many volumes of the driver a node takes.
const VOLUMES_PER_NODE: u32 = 39;

/// The priority class of pods that preempt others, and its value.
pub const HIGH: (&str, i32) = ("scheduler-perf-high", 10);

/// The label that namespaces have which selectors look for.
pub const TEAM: (&str, &str) = ("team", "devops");

/// How nodes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeShape {
    /// 4 CPUs, 32 GiB, 110 pods.
    Plain,
    /// All of one zone.
    OneZone,
    /// Of three zones, in turns.
    ThreeZones,
    /// One that takes 90,000 pods and has a known name.
    Named,
    /// With a driver of volumes.
    Csi,
    /// One that takes no pods.
    Full,
}

impl NodeShape {
    /// The node called `name`, which is number `index`.
    pub fn node(self, name: &str, index: usize) -> Json {
        let mut labels = json!({HOSTNAME: name});
        match self {
            Self::OneZone => labels[ZONE] = json!("zone1"),
            Self::ThreeZones => labels[ZONE] = json!(format!("moon-{}", index % 3 + 1)),
            _ => {}
        }
        let pods = match self {
            Self::Named => "90000",
            Self::Full => "0",
            _ => "110",
        };
        let mut room = json!({"cpu": "4", "memory": "32Gi", "pods": pods});
        if self == Self::Csi {
            room[format!("attachable-volumes-csi-{DRIVER}")] = json!(VOLUMES_PER_NODE.to_string());
        }
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "status": {
                "capacity": room, "allocatable": room,
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
                    "message": ""}],
            },
        })
    }
}

/// What a node says about the driver of volumes.
pub fn csi_node(name: &str) -> Json {
    let driver =
        json!({"name": DRIVER, "nodeID": name, "allocatable": {"count": VOLUMES_PER_NODE}});
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "CSINode",
        "metadata": {"name": name}, "spec": {"drivers": [driver]},
    })
}

/// A volume and the claim that it is bound to, for the pod `pod`.
pub fn volume(namespace: &str, pod: &str) -> [Json; 2] {
    let (name, size) = (format!("{namespace}-{pod}"), json!({"storage": "1Gi"}));
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadOnlyMany"], "capacity": size,
            "persistentVolumeReclaimPolicy": "Retain",
            "csi": {"driver": DRIVER, "volumeHandle": name},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "namespace": namespace, "name": pod},
        },
    });
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": pod, "namespace": namespace,
            "annotations": {"pv.kubernetes.io/bind-completed": "true"}},
        "spec": {
            "accessModes": ["ReadOnlyMany"], "resources": {"requests": size}, "volumeName": name,
            "storageClassName": "",
        },
    });
    [volume, claim]
}

/// How pods differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodShape {
    Plain,
    Light,
    Labelled,
    Green,
    NodeAffinity,
    NamedNode,
    Affinity,
    AntiAffinity,
    PreferredAffinity,
    PreferredAntiAffinity,
    TeamAffinity,
    TeamAntiAffinity,
    TeamPreferredAffinity,
    TeamPreferredAntiAffinity,
    Spread,
    PreferredSpread,
    LowPriority,
    HighPriority,
    TooLarge,
    Gated,
    GatedAffinity,
    Csi,
}

impl PodShape {
    /// The pod called `name`, for the scheduler `scheduler`.
    pub fn pod(self, namespace: &str, name: &str, scheduler: &str) -> Json {
        let mut spec = json!({
            "schedulerName": scheduler,
            "containers": [{"name": "pause", "image": "registry.k8s.io/pause:3.10.1"}],
        });
        let container = &mut spec["containers"][0];
        if let Some(cpu) = self.cpu() {
            container["ports"] = json!([{"containerPort": 80}]);
            container["resources"] = json!({"requests": {"cpu": cpu, "memory": "500Mi"}});
        }
        for (field, value) in self.wishes(name).as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let mut metadata = json!({"name": name, "namespace": namespace});
        if let Some((key, value)) = self.label() {
            metadata["labels"] = json!({key: value});
        }
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    }

    /// Whether each pod has a volume of its own.
    pub fn has_volume(self) -> bool {
        self == Self::Csi
    }

    fn cpu(self) -> Option<&'static str> {
        match self {
            Self::Light | Self::Labelled | Self::NamedNode => None,
            Self::Gated | Self::GatedAffinity => None,
            Self::LowPriority => Some("900m"),
            Self::HighPriority => Some("3"),
            Self::TooLarge => Some("9"),
            _ => Some("100m"),
        }
    }

    fn label(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Affinity | Self::TeamAffinity | Self::Spread | Self::PreferredSpread => {
                Some(("color", "blue"))
            }
            Self::Green | Self::AntiAffinity | Self::TeamAntiAffinity => Some(("color", "green")),
            Self::TeamPreferredAntiAffinity => Some(("color", "green")),
            Self::PreferredAffinity | Self::TeamPreferredAffinity => Some(("color", "red")),
            Self::PreferredAntiAffinity => Some(("color", "yellow")),
            Self::Labelled | Self::GatedAffinity => Some(("app", "scheduler-perf")),
            _ => None,
        }
    }

    /// The fields of the spec that make the shape.
    fn wishes(self, name: &str) -> Json {
        match self {
            Self::NodeAffinity => {
                node_affinity("matchExpressions", ZONE, &json!(["zone1", "zone2"]))
            }
            Self::NamedNode => node_affinity("matchFields", "metadata.name", &json!([NAMED])),
            Self::Affinity => self.near("podAffinity", ZONE, true),
            Self::AntiAffinity => self.near("podAntiAffinity", HOSTNAME, true),
            Self::PreferredAffinity => self.near("podAffinity", HOSTNAME, false),
            Self::PreferredAntiAffinity => self.near("podAntiAffinity", HOSTNAME, false),
            Self::TeamAffinity => self.near("podAffinity", ZONE, true),
            Self::TeamAntiAffinity => self.near("podAntiAffinity", HOSTNAME, true),
            Self::TeamPreferredAffinity => self.near("podAffinity", HOSTNAME, false),
            Self::TeamPreferredAntiAffinity => self.near("podAntiAffinity", HOSTNAME, false),
            Self::Spread => self.spread("DoNotSchedule"),
            Self::PreferredSpread => self.spread("ScheduleAnyway"),
            Self::Light | Self::LowPriority => json!({"terminationGracePeriodSeconds": 0}),
            Self::HighPriority | Self::TooLarge => json!({"priorityClassName": HIGH.0}),
            Self::Gated => json!({"schedulingGates": [{"name": "test.k8s.io/hold"}]}),
            Self::GatedAffinity => {
                let mut wishes = self.near("podAffinity", HOSTNAME, true);
                wishes["schedulingGates"] = json!([{"name": "scheduling-gate-1"}]);
                wishes
            }
            Self::Csi => json!({"volumes": [
                {"name": "vol", "persistentVolumeClaim": {"claimName": name}},
            ]}),
            Self::Plain | Self::Labelled | Self::Green => json!({}),
        }
    }

    /// A wish to be near to, or far from, pods of the same label.
    fn near(self, kind: &str, topology: &str, required: bool) -> Json {
        let mut term = json!({"labelSelector": self.selector(), "topologyKey": topology});
        match self {
            Self::GatedAffinity => {}
            Self::TeamAffinity
            | Self::TeamAntiAffinity
            | Self::TeamPreferredAffinity
            | Self::TeamPreferredAntiAffinity => {
                term["namespaceSelector"] = json!({"matchLabels": {TEAM.0: TEAM.1}});
            }
            _ => term["namespaces"] = json!(["sched-1", "sched-0"]),
        }
        let terms = match required {
            true => json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]}),
            false => json!({"preferredDuringSchedulingIgnoredDuringExecution": [
                {"podAffinityTerm": term, "weight": 1},
            ]}),
        };
        json!({"affinity": {kind: terms}})
    }

    fn spread(self, otherwise: &str) -> Json {
        json!({"topologySpreadConstraints": [{
            "maxSkew": 5, "topologyKey": ZONE, "whenUnsatisfiable": otherwise,
            "labelSelector": self.selector(),
        }]})
    }

    fn selector(self) -> Json {
        let (key, value) = self.label().unwrap_or_default();
        json!({"matchLabels": {key: value}})
    }
}

fn node_affinity(by: &str, key: &str, values: &Json) -> Json {
    let rule = json!({"key": key, "operator": "In", "values": values});
    json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{by: [rule]}],
    }}}})
}
