//! Parts of objects with a path of their own, one file each.

pub mod token;

use orchestrator_core::Status;
use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;

use crate::pipeline::Cx;

/// Answers a request about a part of an object.
pub(crate) async fn answer(_cx: &Cx<'_>, _body: Body) -> Result<ResponseBody, Status> {
    Err(Status::no_such_resource())
}
