//! What every cluster has from its first moment on.

use orchestrator_core::Status;

use crate::server::ApiServer;

/// Makes what is missing.
pub(crate) async fn run(_server: &ApiServer) -> Result<(), Status> {
    Ok(())
}
