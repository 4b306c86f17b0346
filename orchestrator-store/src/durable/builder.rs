//! The options of a durable store.

use std::path::Path;
use std::sync::Arc;

use orchestrator_core::Env;

use super::{DurableStore, OpenError};
use crate::disk::{Disk, Files};
use crate::mvcc::Mvcc;
use crate::options::{Common, Logged, common_options, logged_options};

/// The options of a [`DurableStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    pub(super) common: Common,
    pub(super) logged: Logged,
    pub(super) checkpoint_bytes: u64,
}

/// How much the log grows at least before a checkpoint is made: half a second to replay.
const CHECKPOINT_BYTES: u64 = 256 << 20;

impl Default for Builder {
    fn default() -> Self {
        Self {
            common: Common::default(),
            logged: Logged::default(),
            checkpoint_bytes: CHECKPOINT_BYTES,
        }
    }
}

impl Builder {
    common_options!();

    logged_options!();

    /// How much the log grows at least before a checkpoint is made; otherwise 256 MiB. It also
    /// grows by half of the data at least, so that checkpoints never write more than the log.
    pub fn checkpoint_bytes(mut self, bytes: u64) -> Self {
        self.checkpoint_bytes = bytes;
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
