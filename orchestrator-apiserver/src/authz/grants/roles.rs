//! Writes of roles.

use orchestrator_core::object::Object;
use orchestrator_core::{Json, Status, UserInfo};

use super::{GROUP, hold, may, only_lets_go};
use crate::authz::{ResourceTarget, Rule, missing};
use crate::pipeline::Cx;

/// Refuses a role with rules that the caller does not hold, unless it may escalate.
pub(super) async fn check(cx: &Cx<'_>, new: &Object, old: Option<&Object>) -> Result<(), Status> {
    if cx.request.user.is_in(UserInfo::MASTERS) || may_escalate(cx).await {
        return Ok(());
    }
    if old.is_some_and(|old| only_lets_go(new, old)) {
        return Ok(());
    }
    let rules = new.get("rules").and_then(Json::as_array);
    let rules: Vec<Rule> = rules.into_iter().flatten().map(Rule::read).collect();
    hold(cx, new.name(), &rules).await?;
    let gathers = |role: &Object| role.get("aggregationRule").is_some_and(Json::is_object);
    if gathers(new) || old.is_some_and(gathers) {
        // What it gathers is not known yet: only who holds everything can hold that.
        let (held, _) = cx.server.roles.resolve(&cx.request.user, &cx.request.namespace).await?;
        if !missing(&held, &Rule::everything()).is_empty() {
            let why = "must have cluster-admin privileges to use the aggregationRule";
            return Err(Status::forbidden(&cx.resource.group_resource, new.name(), why));
        }
    }
    Ok(())
}

async fn may_escalate(cx: &Cx<'_>) -> bool {
    let to = ResourceTarget {
        group: GROUP,
        version: "*",
        resource: &cx.resource.def.gvr.resource,
        namespace: &cx.request.namespace,
        name: &cx.request.name,
        ..ResourceTarget::default()
    };
    may(cx, "escalate", to).await
}
