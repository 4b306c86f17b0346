//! How the runtime is made.

use std::path::PathBuf;

/// How a [`ContainerdRuntime`](super::ContainerdRuntime) is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContainerdConfig {
    /// The node's name: only pods that were made under it are this runtime's.
    pub node: String,
    /// Where it keeps what belongs to pods: logs, termination messages.
    pub pods: PathBuf,
    /// Which containerd it uses.
    pub source: Source,
}

/// Which containerd a runtime uses.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Source {
    /// One that runs, at this socket; its configuration is its owner's.
    Running(PathBuf),
    /// One of its own.
    Own(OwnContainerd),
}

/// A containerd that belongs to a runtime.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnContainerd {
    /// The program.
    pub program: PathBuf,
    /// Where everything of it is: configuration, images, containers, socket.
    pub root: PathBuf,
    /// Where the plugins of the pod network are.
    pub cni_plugins: PathBuf,
    /// Where the configuration of the pod network is.
    pub cni_config: PathBuf,
    /// How images and containers share files: `overlayfs`, or `native` where the file system of
    /// `root` carries no overlays.
    pub snapshotter: String,
}

impl ContainerdConfig {
    /// A runtime for the node `node` with everything of its own below `folder`.
    pub fn own(node: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let own = OwnContainerd {
            program: "containerd".into(),
            root: folder.join("containerd"),
            cni_plugins: "/usr/lib/cni".into(),
            cni_config: folder.join("cni"),
            snapshotter: "overlayfs".into(),
        };
        Self { node: node.into(), pods: folder.join("pods"), source: Source::Own(own) }
    }

    /// A runtime for the node `node` over the containerd at `socket`, with its logs in `folder`.
    pub fn running(
        node: impl Into<String>,
        folder: impl Into<PathBuf>,
        socket: impl Into<PathBuf>,
    ) -> Self {
        let pods = folder.into().join("pods");
        Self { node: node.into(), pods, source: Source::Running(socket.into()) }
    }

    /// Uses this program as the containerd of its own.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        if let Source::Own(own) = &mut self.source {
            own.program = program.into();
        }
        self
    }
}
