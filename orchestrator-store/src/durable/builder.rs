//! The options of a durable store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;

use super::{DurableStore, OpenError};
use crate::disk::{Disk, Files};
use crate::mvcc::{Limits, Mvcc};
use crate::planted::Planted;

/// The options of a [`DurableStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    pub(super) limits: Limits,
    pub(super) keep_history: Option<Duration>,
    pub(super) segment_bytes: Option<u64>,
    pub(super) checkpoint_bytes: u64,
    pub(super) name: String,
    pub(super) planted: Planted,
}

/// How much the log grows at least before a checkpoint is made: half a second to replay.
const CHECKPOINT_BYTES: u64 = 256 << 20;

impl Default for Builder {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            keep_history: None,
            segment_bytes: None,
            checkpoint_bytes: CHECKPOINT_BYTES,
            name: "default".into(),
            planted: Planted::NONE,
        }
    }
}

impl Builder {
    /// Bounds the store by `limits`; an existing one from now on.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Compacts what is older than `age`, give or take an eighth; otherwise only the
    /// [`Limits`] and [`Store::compact`](orchestrator_core::Store::compact) do.
    pub fn keep_history(mut self, age: Duration) -> Self {
        self.keep_history = Some(age);
        self
    }

    /// What the member is called.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The size of the log's files, of which two are there at least; otherwise 64 MiB.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = Some(bytes);
        self
    }

    /// How much the log grows at least before a checkpoint is made; otherwise 256 MiB. It also
    /// grows by half of the data at least, so that checkpoints never write more than the log.
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.checkpoint_bytes = bytes;
        self
    }

    /// Plants faults, for the test of the tests.
    #[doc(hidden)]
    pub fn planted(mut self, planted: Planted) -> Self {
        self.planted = planted;
        self
    }

    /// Opens the store in the folder `path`, made where it is not there.
    ///
    /// # Errors
    /// Somebody uses the folder, the data are damaged, or the disk failed.
    pub async fn open_path(
        self,
        path: impl AsRef<Path>,
        env: Env,
    ) -> Result<DurableStore, OpenError> {
        let path = path.as_ref().to_owned();
        let shown = path.display().to_string();
        let files = env.blocking(move || Files::new(path)).await.map_err(OpenError::io(&shown))?;
        self.open(Arc::new(files), env).await
    }

    /// Makes a store in the empty folder `path` that goes on where `mvcc` ends, as an
    /// [image](crate::image) has brought it here; its leases begin anew.
    ///
    /// # Errors
    /// There is a store already, somebody uses the folder, or the disk failed.
    pub async fn restore_path(
        self,
        path: impl AsRef<Path>,
        mvcc: Mvcc,
        env: Env,
    ) -> Result<(), OpenError> {
        super::restore::restore(self, path.as_ref(), mvcc, env).await
    }

    /// Opens the store on `disk`.
    ///
    /// # Errors
    /// Somebody uses the disk, the data are damaged, or the disk failed.
    pub async fn open(self, disk: Arc<dyn Disk>, env: Env) -> Result<DurableStore, OpenError> {
        super::open::open(self, disk, env).await
    }
}
