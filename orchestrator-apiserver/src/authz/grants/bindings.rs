//! Writes of bindings.

use orchestrator_core::object::Object;
use orchestrator_core::{GroupResource, Status, UserInfo};

use super::{GROUP, hold, may, only_lets_go};
use crate::authz::ResourceTarget;
use crate::pipeline::Cx;

/// Refuses a binding to a role whose rules the caller does not hold, unless it may bind that role.
pub(super) async fn check(cx: &Cx<'_>, new: &Object, old: Option<&Object>) -> Result<(), Status> {
    if cx.request.user.is_in(UserInfo::MASTERS)
        || old.is_some_and(|old| only_lets_go(new, old))
        || may_bind(cx, new).await
    {
        return Ok(());
    }
    let namespace = cx.request.namespace.as_str();
    let (kind, name) = role(new);
    let plural = match kind {
        "Role" => "roles",
        "ClusterRole" => "clusterroles",
        other => {
            let why = format!("unsupported role reference kind: {other:?}");
            return Err(Status::new(500, "", why));
        }
    };
    let found = cx.server.roles.role(namespace, kind, name).await?;
    let rules = found.ok_or_else(|| Status::not_found(&GroupResource::new(GROUP, plural), name))?;
    hold(cx, new.name(), &rules).await
}

async fn may_bind(cx: &Cx<'_>, binding: &Object) -> bool {
    let (kind, name) = role(binding);
    let resource = match kind {
        "Role" => "roles",
        "ClusterRole" => "clusterroles",
        _ => return false,
    };
    let to = ResourceTarget {
        group: binding.text_at(&["roleRef", "apiGroup"]),
        version: "*",
        resource,
        namespace: &cx.request.namespace,
        name,
        ..ResourceTarget::default()
    };
    may(cx, "bind", to).await
}

/// Kind and name of the role that a binding gives.
fn role(binding: &Object) -> (&str, &str) {
    (binding.text_at(&["roleRef", "kind"]), binding.text_at(&["roleRef", "name"]))
}
