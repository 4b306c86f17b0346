//! `SelfSubjectReview`: who the caller is.

use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, Status, UserInfo};
use serde_json::json;

use crate::pipeline::Cx;
use crate::rest::{body, options};

/// Answers with the caller's name, groups and what else is known.
pub(super) fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    options::check_create(&cx.request.options)?;
    let mut review = body::read(cx, body, &cx.resource.def.gvk())?;
    review.set_meta("creationTimestamp", cx.server.env.now_rfc3339());
    review.set("status", json!({"userInfo": user_info(&cx.request.user)}));
    Ok(ResponseBody::plain(201, review))
}

/// A user on the wire.
pub(super) fn user_info(user: &UserInfo) -> Json {
    let mut info = json!({"username": user.name});
    if !user.uid.is_empty() {
        info["uid"] = Json::from(user.uid.as_str());
    }
    if !user.groups.is_empty() {
        info["groups"] = Json::from(user.groups.clone());
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
