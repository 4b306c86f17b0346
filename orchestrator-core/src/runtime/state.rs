//! What a runtime reports: pods, sandboxes, containers, images, changes.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

/// The name of a sandbox, given by the runtime.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SandboxId(Arc<str>);

/// The name of a container, given by the runtime.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(Arc<str>);

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id.into())
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }
    };
}

id!(SandboxId);
id!(ContainerId);

/// What a runtime is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// The name, the scheme of container ids in status: `containerd`, `process`.
    pub name: &'static str,
    /// The version.
    pub version: &'static str,
    /// Whether containers are real processes: where they are not, the agent makes no volumes and
    /// no environment for them, and asks the runtime for the outcome of all probes.
    pub real: bool,
    /// Whether containers have files, names, limits and a view of the node of their own: where they
    /// have, the agent says what these are.
    pub isolated: bool,
}

/// Everything the runtime has of one pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodState {
    /// The pod's uid.
    pub uid: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The newest sandbox.
    pub sandbox: Option<SandboxState>,
    /// The containers of that sandbox, in order of start; several of one name are its attempts.
    pub containers: Vec<ContainerState>,
}

impl PodState {
    /// The state of a pod of which the runtime has nothing.
    pub fn empty(uid: impl Into<String>) -> Self {
        Self {
            uid: uid.into(),
            namespace: String::new(),
            name: String::new(),
            sandbox: None,
            containers: Vec::new(),
        }
    }

    /// The newest attempt of the container `name`.
    pub fn newest(&self, name: &str) -> Option<&ContainerState> {
        self.containers.iter().filter(|c| c.name == name).max_by_key(|c| c.attempt)
    }

    /// The attempt of the container `name` before `attempt`.
    pub fn before(&self, name: &str, attempt: u32) -> Option<&ContainerState> {
        let earlier = self.containers.iter().filter(|c| c.name == name && c.attempt < attempt);
        earlier.max_by_key(|c| c.attempt)
    }
}

/// A sandbox.
#[derive(Clone, Debug, PartialEq)]
pub struct SandboxState {
    /// Its id.
    pub id: SandboxId,
    /// Which sandbox of the pod, from 0.
    pub attempt: u32,
    /// Whether it runs.
    pub ready: bool,
    /// The pod's addresses, the first one first.
    pub ips: Vec<IpAddr>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One run of one container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerState {
    /// Its id.
    pub id: ContainerId,
    /// The container's name in the pod.
    pub name: String,
    /// Which run it is, from 0.
    pub attempt: u32,
    /// The image as the pod names it.
    pub image: String,
    /// The image by its content; empty where the runtime uses none.
    pub image_id: String,
    /// How far it has come.
    pub phase: ContainerPhase,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
}

impl ContainerState {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        matches!(self.phase, ContainerPhase::Running)
    }

    /// How it ended, where it did.
    pub fn exit(&self) -> Option<&Exit> {
        match &self.phase {
            ContainerPhase::Exited(exit) => Some(exit),
            _ => None,
        }
    }
}

/// How far a container has come.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerPhase {
    /// Made, not started.
    Created,
    /// Running.
    Running,
    /// Ended.
    Exited(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    /// The exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// When.
    pub finished_at: Timestamp,
    /// Why, in one word, where the runtime knows more than the code: `OOMKilled`, `StartError`.
    pub reason: String,
    /// Why, for people: the termination message.
    pub message: String,
}

/// An image on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageState {
    /// The image by its content.
    pub id: String,
    /// Its size.
    pub bytes: u64,
}

/// A change that a subscriber is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeEvent {
    /// Something of the pod with this uid changed.
    Pod(Arc<str>),
    /// Anything may have changed: look at all pods.
    All,
}
