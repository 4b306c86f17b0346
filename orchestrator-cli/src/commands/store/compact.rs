//! `orchestrator store compact`.

use orchestrator::core::store::StoreError;
use orchestrator::core::{BoxError, Env, Revision};

use crate::UsageError;
use crate::args::Compact;
use crate::store::existing;

pub async fn run(compact: Compact) -> Result<(), BoxError> {
    let store = existing(&compact.store, &compact.etcd, &Env::system()).await?;
    let before = store.status().await?;
    let revision = compact.revision.map_or(before.revision, Revision::new);
    match store.compact(revision).await {
        Ok(()) => {}
        Err(StoreError::Compacted { oldest, .. }) if oldest == revision => {}
        Err(error @ (StoreError::Compacted { .. } | StoreError::Future { .. })) => {
            return Err(UsageError(error.into()).into());
        }
        Err(error) => return Err(error.into()),
    }
    println!("compacted at revision {revision}; what is older cannot be read any more");
    Ok(())
}
