//! The answer that something was done.

use orchestrator_core::object::Object;
use orchestrator_core::service::ResponseBody;

/// 201: a `Status` that says no more than that.
pub(super) fn created() -> ResponseBody {
    let mut status = Object::new("v1", "Status");
    status.set("status", "Success");
    status.set("code", 201);
    ResponseBody::plain(201, status)
}
