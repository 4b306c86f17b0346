//! What a runtime is asked to do.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;

use super::place::{Dns, Namespaces, PortMapping, Propagation, Resources, Security};
use super::state::{ContainerId, SandboxId};
use crate::node::{Connection, ExecOptions, ExecSession, LogOptions};

/// An operation on sandboxes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SandboxOp {
    /// Makes the pod's place.
    Run(Box<SandboxConfig>),
    /// Ends it with all that runs in it.
    Stop(SandboxId),
    /// Forgets it.
    Remove(SandboxId),
}

/// What a sandbox shall be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SandboxConfig {
    /// The pod's uid.
    pub uid: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// Which sandbox of the pod, from 0.
    pub attempt: u32,
    /// The pod's host name.
    pub hostname: String,
    /// The pod's labels.
    pub labels: BTreeMap<String, String>,
    /// The pod's annotations.
    pub annotations: BTreeMap<String, String>,
    /// Whether the pod uses the node's own addresses.
    pub host_network: bool,
    /// What else of the node it uses, and what its containers share.
    pub namespaces: Namespaces,
    /// How it resolves names; `None` for the way of the node.
    pub dns: Option<Dns>,
    /// Settings of the kernel that are the pod's own.
    pub sysctls: BTreeMap<String, String>,
    /// The node's ports that lead to it.
    pub ports: Vec<PortMapping>,
    /// The control group below which its containers are; empty where the runtime chooses.
    pub cgroup_parent: String,
    /// What all its containers together may use.
    pub resources: Resources,
    /// Whether one of its containers is privileged.
    pub privileged: bool,
    /// The way of running it, by the name that the runtime knows; empty for the usual one.
    pub handler: String,
}

/// An operation on containers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ContainerOp {
    /// Makes a container and starts it.
    Start(Box<ContainerConfig>),
    /// Asks the container to end, and ends it when `grace` is over.
    Stop {
        /// Which.
        container: ContainerId,
        /// How long it may take; zero ends it at once.
        grace: Duration,
    },
    /// Forgets a container, with its log; one that runs is ended first.
    Remove(ContainerId),
    /// Changes what a container that runs may use.
    Update {
        /// Which.
        container: ContainerId,
        /// What it may use from now on.
        resources: Resources,
    },
}

/// What a container shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerConfig {
    /// The sandbox it runs in.
    pub sandbox: SandboxId,
    /// The container's name in the pod.
    pub name: String,
    /// Which run it is, from 0.
    pub attempt: u32,
    /// The image.
    pub image: String,
    /// The program, in place of the image's; empty for the image's own.
    pub command: Vec<String>,
    /// Its arguments, in place of the image's.
    pub args: Vec<String>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// Where it starts; empty for the image's own choice.
    pub working_dir: String,
    /// The files it sees.
    pub mounts: Vec<Mount>,
    /// Who it runs as.
    pub credentials: Credentials,
    /// The path of the file, as the container sees it, whose text tells why it ended.
    pub termination_message_path: String,
    /// Whether the end of the log stands in where that file is empty and the container failed.
    pub log_is_termination_message: bool,
    /// The signal that asks it to end, as in `SIGTERM`; empty for the image's own choice.
    pub stop_signal: String,
    /// Keep the standard input open.
    pub stdin: bool,
    /// Close the standard input after the first attach.
    pub stdin_once: bool,
    /// Give it a terminal.
    pub tty: bool,
    /// What it may do.
    pub security: Security,
    /// What it may use.
    pub resources: Resources,
    /// The container of the pod whose processes it sees, by name; empty for its own.
    pub target: String,
}

impl ContainerConfig {
    /// The first run of `name` in `sandbox`, with nothing else set.
    pub fn new(sandbox: SandboxId, name: impl Into<String>) -> Self {
        Self {
            sandbox,
            name: name.into(),
            attempt: 0,
            image: String::new(),
            command: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            working_dir: String::new(),
            mounts: Vec::new(),
            credentials: Credentials::default(),
            termination_message_path: String::new(),
            log_is_termination_message: false,
            stop_signal: String::new(),
            stdin: false,
            stdin_once: false,
            tty: false,
            security: Security::default(),
            resources: Resources::default(),
            target: String::new(),
        }
    }
}

/// A directory or file of the node that a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where the container sees it.
    pub container_path: String,
    /// Where it is on the node.
    pub host_path: PathBuf,
    /// Whether the container may not write.
    pub read_only: bool,
    /// Whether mounts made later are seen on the other side.
    pub propagation: Propagation,
}

/// Who a container runs as; what is not given is the image's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: Option<u32>,
    /// The group.
    pub group: Option<u32>,
    /// More groups.
    pub groups: Vec<u32>,
    /// Refuse to run as user 0.
    pub non_root: bool,
}

/// An operation on images.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageOp {
    /// Whether the image is there.
    Status(String),
    /// Gets the image.
    Pull {
        /// The image.
        image: String,
        /// The uid of the pod it is for.
        pod: String,
        /// Contents of `dockerconfigjson` secrets, tried in order.
        auth: Vec<String>,
    },
    /// Forgets the image.
    Remove(String),
}

/// A stream to be opened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StreamOp {
    /// Runs a command beside the container's own.
    Exec {
        /// Where.
        container: ContainerId,
        /// What, and which streams.
        options: ExecOptions,
    },
    /// Joins the streams of the container's own process.
    Attach {
        /// Where.
        container: ContainerId,
        /// Which streams.
        options: ExecOptions,
    },
    /// Reads the container's log.
    Logs {
        /// Of which.
        container: ContainerId,
        /// Which part.
        options: LogOptions,
    },
    /// Connects to a port.
    Connect {
        /// Of which sandbox.
        sandbox: SandboxId,
        /// Which port.
        port: u16,
    },
}

/// An open stream.
pub enum Streams {
    /// A command with its streams.
    Session(ExecSession),
    /// A log, as it comes.
    Log(BoxStream<'static, Bytes>),
    /// A connection.
    Connection(Box<dyn Connection>),
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session(_) => "Session",
            Self::Log(_) => "Log",
            Self::Connection(_) => "Connection",
        })
    }
}
