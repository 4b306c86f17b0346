//! `SelfSubjectRulesReview`: what the caller may do in a namespace.

use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, Status};
use serde_json::json;

use crate::authz::Rule;
use crate::pipeline::Cx;
use crate::rest::{body, options};

/// Answers with the authorizer's rules for the caller.
pub(super) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    options::check_create(&cx.request.options)?;
    let mut review = body::read(cx, body, &cx.resource.def.gvk())?;
    let namespace = review.text_at(&["spec", "namespace"]);
    if namespace.is_empty() {
        return Err(Status::bad_request("no namespace on request"));
    }
    let found = cx.server.authorizer.rules(&cx.request.user, namespace).await;
    let (paths, resources): (Vec<_>, Vec<_>) =
        found.rules.iter().partition(|rule| !rule.paths.is_empty());
    let shown = |rules: Vec<&Rule>| rules.into_iter().map(Rule::to_json).collect::<Vec<_>>();
    let mut status = json!({
        "resourceRules": shown(resources),
        "nonResourceRules": shown(paths),
        "incomplete": found.is_incomplete,
    });
    if !found.error.is_empty() {
        status["evaluationError"] = Json::from(found.error);
    }
    review.set("status", status);
    Ok(ResponseBody::plain(201, review))
}
