//! `TokenReview`: whom a token belongs to.

use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, Status};
use serde_json::json;

use super::myself::user_info;
use crate::pipeline::Cx;
use crate::rest::{body, options};

/// Answers with the token's user, or with the reason why it has none.
pub(super) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    options::check_create(&cx.request.options)?;
    let mut review = body::read(cx, body, &cx.resource.def.gvk())?;
    let token = review.text_at(&["spec", "token"]);
    if token.is_empty() {
        return Err(Status::bad_request("token is required for TokenReview in authentication"));
    }
    let audiences = review.at(&["spec", "audiences"]).and_then(Json::as_array);
    let audiences: Vec<String> =
        audiences.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
    let Some(tokens) = &cx.server.tokens else {
        return Err(Status::not_implemented("tokenreviews"));
    };
    let status = match tokens.review(token, &audiences).await {
        Ok(identity) => {
            let mut status = json!({"authenticated": true, "user": user_info(&identity.user)});
            if !identity.audiences.is_empty() {
                status["audiences"] = Json::from(identity.audiences);
            }
            status
        }
        Err(status) => json!({"user": {}, "error": status.message}),
    };
    review.set("status", status);
    Ok(ResponseBody::plain(201, review))
}
