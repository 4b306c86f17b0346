//! The service Auth: there are no users, and authentication cannot be enabled. Who may connect is
//! decided by client certificates.

use std::sync::Arc;

use tonic::Status;

use super::{Face, fault};
use crate::proto::etcd::{AuthStatusRequest, AuthStatusResponse};

pub(super) async fn status(
    face: Arc<Face>,
    _: AuthStatusRequest,
) -> Result<AuthStatusResponse, Status> {
    let header = Some(face.header_now().await?);
    Ok(AuthStatusResponse { header, enabled: false, auth_revision: 1 })
}

/// The answer to every other call.
pub(super) fn refuse() -> Status {
    fault::NO_AUTH.into()
}
