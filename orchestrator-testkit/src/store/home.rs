//! Where a store lives while it is closed.

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Store;

/// The place of one store that can be closed and opened again.
#[async_trait]
pub trait Home: Send {
    /// Closes the store if it is open, so that everything is kept, and opens it; makes it the first
    /// time.
    ///
    /// The caller holds neither the store nor a watch from before.
    async fn open(&mut self) -> Arc<dyn Store>;
}
