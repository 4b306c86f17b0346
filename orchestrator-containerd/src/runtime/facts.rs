//! Facts: what is known of sandboxes and containers from their labels and annotations alone, so that
//! the next agent can go on with them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use orchestrator_core::runtime::{ContainerConfig, SandboxConfig};

/// The labels of the field, which other tools know too.
const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
const POD_UID: &str = "io.kubernetes.pod.uid";
const CONTAINER_NAME: &str = "io.kubernetes.container.name";

/// The label that says whose a sandbox or container is.
pub(super) const NODE: &str = "node.orchestrator";

const CGROUP: &str = "orchestrator/cgroup";
const HOST_NETWORK: &str = "orchestrator/host-network";
const NAMESPACES: &str = "orchestrator/namespaces";
const IMAGE: &str = "orchestrator/image";
const STOP_SIGNAL: &str = "orchestrator/stop-signal";
const LOG_IS_MESSAGE: &str = "orchestrator/log-is-termination-message";

type Map = HashMap<String, String>;

/// What is known of a sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SandboxFacts {
    pub(super) cgroup_parent: String,
    pub(super) host_network: bool,
    /// `host-pid`, `host-ipc`, `shared-pid`, as far as they hold.
    pub(super) namespaces: Vec<String>,
}

impl SandboxFacts {
    pub(super) fn of(config: &SandboxConfig) -> Self {
        let shared = config.namespaces;
        let words = [
            (shared.host_pid, "host-pid"),
            (shared.host_ipc, "host-ipc"),
            (shared.shared_pid, "shared-pid"),
        ];
        Self {
            cgroup_parent: config.cgroup_parent.clone(),
            host_network: config.host_network,
            namespaces: words.iter().filter(|w| w.0).map(|w| w.1.to_owned()).collect(),
        }
    }

    pub(super) fn read(annotations: &Map) -> Self {
        let words = annotations.get(NAMESPACES).map(String::as_str).unwrap_or_default();
        Self {
            cgroup_parent: annotations.get(CGROUP).cloned().unwrap_or_default(),
            host_network: annotations.contains_key(HOST_NETWORK),
            namespaces: words.split_whitespace().map(str::to_owned).collect(),
        }
    }

    pub(super) fn write(&self, annotations: &mut Map) {
        annotations.insert(CGROUP.into(), self.cgroup_parent.clone());
        if self.host_network {
            annotations.insert(HOST_NETWORK.into(), "true".into());
        }
        if !self.namespaces.is_empty() {
            annotations.insert(NAMESPACES.into(), self.namespaces.join(" "));
        }
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.namespaces.iter().any(|w| w == word)
    }
}

/// What is known of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ContainerFacts {
    /// The directory of its log and its termination message.
    pub(super) dir: PathBuf,
    /// The image as the pod names it.
    pub(super) image: String,
    pub(super) log_is_message: bool,
    /// The signal that asks it to end; empty for the image's own choice.
    pub(super) stop_signal: String,
}

impl ContainerFacts {
    pub(super) fn of(config: &ContainerConfig, dir: PathBuf) -> Self {
        Self {
            dir,
            image: config.image.clone(),
            log_is_message: config.log_is_termination_message,
            stop_signal: config.stop_signal.clone(),
        }
    }

    pub(super) fn read(annotations: &Map, dir: PathBuf) -> Self {
        let text = |key: &str| annotations.get(key).cloned().unwrap_or_default();
        Self {
            dir,
            image: text(IMAGE),
            log_is_message: annotations.contains_key(LOG_IS_MESSAGE),
            stop_signal: text(STOP_SIGNAL),
        }
    }

    pub(super) fn annotations(&self) -> Map {
        let mut map = Map::from([(IMAGE.into(), self.image.clone())]);
        if self.log_is_message {
            map.insert(LOG_IS_MESSAGE.into(), "true".into());
        }
        if !self.stop_signal.is_empty() {
            map.insert(STOP_SIGNAL.into(), self.stop_signal.clone());
        }
        map
    }

    /// Where its termination message is.
    pub(super) fn message(&self) -> PathBuf {
        self.dir.join("termination-log")
    }

    /// Where its end is noted, as soon as it is known.
    pub(super) fn end(&self) -> PathBuf {
        self.dir.join("end.json")
    }

    /// Where the files of its log are.
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }
}

/// The labels of a sandbox: the pod's and those of the field.
pub(super) fn sandbox_labels(node: &str, config: &SandboxConfig) -> Map {
    let mut labels: Map = config.labels.clone().into_iter().collect();
    labels.extend(labels_of(node, &config.namespace, &config.name, &config.uid));
    labels
}

/// The labels of a container.
pub(super) fn container_labels(node: &str, pod: &PodName, name: &str) -> Map {
    let mut labels: Map = labels_of(node, &pod.namespace, &pod.name, &pod.uid).into();
    labels.insert(CONTAINER_NAME.into(), name.into());
    labels
}

fn labels_of(node: &str, namespace: &str, name: &str, uid: &str) -> [(String, String); 4] {
    [(POD_NAMESPACE, namespace), (POD_NAME, name), (POD_UID, uid), (NODE, node)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// The selector of everything that is this node's.
pub(super) fn ours(node: &str) -> Map {
    Map::from([(NODE.into(), node.into())])
}

/// Which pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PodName {
    pub(super) uid: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// The directory of one run of a container.
pub(super) fn run_dir(pods: &Path, uid: &str, name: &str, attempt: u32) -> PathBuf {
    pods.join(uid).join(name).join(attempt.to_string())
}

/// The annotations of a sandbox: the pod's, and its facts.
pub(super) fn sandbox_annotations(
    own: &BTreeMap<String, String>,
    facts: &SandboxFacts,
) -> HashMap<String, String> {
    let mut annotations: Map = own.clone().into_iter().collect();
    facts.write(&mut annotations);
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut config = SandboxConfig { host_network: true, ..SandboxConfig::default() };
        config.cgroup_parent = "/kubepods/pod1".into();
        config.namespaces.shared_pid = true;
        let facts = SandboxFacts::of(&config);
        let annotations = sandbox_annotations(&config.annotations, &facts);
        assert_eq!(SandboxFacts::read(&annotations), facts);
        assert!(facts.has("shared-pid") && !facts.has("host-pid"));

        let mut config = ContainerConfig::new("s".into(), "c");
        (config.stop_signal, config.image) = ("SIGUSR1".into(), "busybox".into());
        config.log_is_termination_message = true;
        let facts = ContainerFacts::of(&config, "/pods/u/c/0".into());
        assert_eq!(ContainerFacts::read(&facts.annotations(), "/pods/u/c/0".into()), facts);
    }
}
