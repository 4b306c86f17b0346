//! How the process runtime is made.

use std::path::{Path, PathBuf};

use super::child;
use crate::address::AddressRange;

/// How a [`ProcessRuntime`](super::ProcessRuntime) is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProcessConfig {
    /// Where it keeps its pods; one runtime at a time may use it.
    pub root: PathBuf,
    /// The addresses of its pods.
    pub range: AddressRange,
    /// Leave containers running when the runtime is dropped, for the next one to go on with.
    pub keep_on_drop: bool,
    /// The `PATH` of containers that set none; the host's, unless changed.
    pub search_path: String,
}

impl ProcessConfig {
    /// Pods in `root`, with addresses from the loopback range, that end with the runtime.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let search_path = child::own_variable("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let range = AddressRange::LOOPBACK;
        Self { root: root.into(), range, keep_on_drop: false, search_path }
    }

    /// Takes the addresses of pods from `range`.
    #[must_use]
    pub fn range(mut self, range: AddressRange) -> Self {
        self.range = range;
        self
    }

    /// Looks for programs in `folder` before all others.
    #[must_use]
    pub fn program_path(mut self, folder: &Path) -> Self {
        self.search_path = format!("{}:{}", folder.display(), self.search_path);
        self
    }

    /// Leaves containers running when the runtime is dropped.
    #[must_use]
    pub fn keep_on_drop(mut self) -> Self {
        self.keep_on_drop = true;
        self
    }
}
