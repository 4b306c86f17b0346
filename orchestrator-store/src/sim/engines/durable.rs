//! The durable engine on the stage: one member, whose disk is all that it has.

use std::sync::Arc;

use async_trait::async_trait;

use crate::DurableStore;
use crate::durable::OpenError;
use crate::operator::Operator;
use crate::planted::Planted;
use crate::sim::stage::{Engine, Site, StartError};

/// The size of a segment: small, so that a run sees many.
const SEGMENT_BYTES: u64 = 16 << 10;

/// After how much log there is a checkpoint: some in every run.
const CHECKPOINT_BYTES: u64 = 24 << 10;

/// Plays the durable engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Durable {
    /// The faults that it has.
    pub planted: Planted,
}

#[async_trait]
impl Engine for Durable {
    async fn start(&self, site: Site) -> Result<Arc<dyn Operator>, StartError> {
        let builder = DurableStore::builder()
            .segment_bytes(SEGMENT_BYTES)
            .checkpoint_bytes(CHECKPOINT_BYTES)
            .planted(self.planted);
        match builder.open(Arc::new(site.disk), site.env).await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(start_error(&error)),
        }
    }
}

/// Why a store on disk does not open.
pub(super) fn start_error(error: &OpenError) -> StartError {
    let message = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    match error {
        OpenError::Damaged { .. } | OpenError::Foreign { .. } => StartError::Corrupt(message),
        _ => StartError::Other(message),
    }
}
