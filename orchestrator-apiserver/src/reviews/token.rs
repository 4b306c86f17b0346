//! `TokenReview`: whom a token belongs to.
//!
//! Tokens of service accounts say themselves for whom they are meant; all other tokens that the
//! server knows are meant for the API alone.

use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, Status};
use serde_json::json;

use super::myself::user_info;
use crate::authn::{Credentials, ISSUER};
use crate::pipeline::Cx;
use crate::rest::{body, options};
use crate::subresource::token::TokenIdentity;

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
    let status = match identity(cx, token, &audiences).await {
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

async fn identity(cx: &Cx<'_>, token: &str, audiences: &[String]) -> Result<TokenIdentity, Status> {
    let refused = match &cx.server.tokens {
        Some(tokens) => match tokens.review(token, audiences).await {
            Ok(identity) => return Ok(identity),
            Err(refused) => refused,
        },
        None => Status::new(401, "Unauthorized", "invalid bearer token"),
    };
    let own = audiences.is_empty() || audiences.iter().any(|audience| audience == ISSUER);
    let Some(authenticators) = cx.server.authenticators.get().filter(|_| own) else {
        return Err(refused);
    };
    let credentials = Credentials { bearer: Some(token), ..Credentials::default() };
    match authenticators.authenticate(credentials).await {
        Ok(user) => Ok(TokenIdentity { user, audiences: vec![ISSUER.to_owned()] }),
        Err(_) => Err(refused),
    }
}
