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
    let (rules, complete) = cx.server.authorizer.rules(&cx.request.user, namespace).await;
    let (paths, resources): (Vec<_>, Vec<_>) =
        rules.iter().partition(|rule| !rule.paths.is_empty());
    review.set(
        "status",
        json!({
            "resourceRules": resources.into_iter().map(of_resources).collect::<Vec<_>>(),
            "nonResourceRules": paths.into_iter().map(of_paths).collect::<Vec<_>>(),
            "incomplete": !complete,
        }),
    );
    Ok(ResponseBody::plain(201, review))
}

fn of_resources(rule: &Rule) -> Json {
    let mut shown = json!({
        "verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources,
    });
    if !rule.resource_names.is_empty() {
        shown["resourceNames"] = json!(rule.resource_names);
    }
    shown
}

fn of_paths(rule: &Rule) -> Json {
    json!({"verbs": rule.verbs, "nonResourceURLs": rule.paths})
}
