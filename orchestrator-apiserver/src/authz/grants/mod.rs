//! Rights that the write itself gives away or uses: asked about in addition to the request.
//!
//! Whoever writes a role or a binding must hold what it gives, or be allowed to `escalate` or
//! `bind`; whoever approves or signs a request for a certificate must be allowed to do so for its
//! signer.

mod bindings;
mod roles;
mod signers;

use orchestrator_core::Status;
use orchestrator_core::object::Object;

use super::rbac::{GROUP, aggregate};
use super::{Attributes, ResourceTarget, Rule, Target, missing};
use crate::pipeline::Cx;

/// Refuses a write by which the caller would gain or use rights that it does not have.
///
/// # Errors
/// 403, or 404 for a binding to a role that is not there.
pub(crate) async fn check(cx: &Cx<'_>, new: &Object, old: Option<&Object>) -> Result<(), Status> {
    let gvr = &cx.resource.def.gvr;
    match (&*gvr.group, &*gvr.resource, cx.request.subresource.as_str()) {
        (GROUP, "roles" | "clusterroles", "") => roles::check(cx, new, old).await,
        (GROUP, "rolebindings" | "clusterrolebindings", "") => bindings::check(cx, new, old).await,
        ("certificates.k8s.io", "certificatesigningrequests", part @ ("approval" | "status")) => {
            match old {
                Some(old) => signers::check(cx, part, new, old).await,
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Whether the caller may do something besides the request.
async fn may(cx: &Cx<'_>, verb: &str, to: ResourceTarget<'_>) -> bool {
    let asked = Attributes { user: &cx.request.user, verb, target: Target::Resource(to) };
    cx.server.authorizer.authorize(asked).await.is_allowed()
}

/// Refuses rules that the caller does not hold itself.
async fn hold(cx: &Cx<'_>, name: &str, rules: &[Rule]) -> Result<(), Status> {
    let user = &cx.request.user;
    let (held, errors) = cx.server.roles.resolve(user, &cx.request.namespace).await?;
    let missing = missing(&held, rules);
    if missing.is_empty() {
        return Ok(());
    }
    let groups: Vec<String> = user.groups.iter().map(|group| format!("{group:?}")).collect();
    let mut why = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        groups.join(" "),
        missing.join("\n")
    );
    if !errors.is_empty() {
        why.push_str(&format!("; resolution errors: [{}]", aggregate(&errors)));
    }
    Err(Status::forbidden(&cx.resource.group_resource, name, why))
}

/// Whether an update changes nothing but what garbage collection changes on its own.
fn only_lets_go(new: &Object, old: &Object) -> bool {
    let plain = |object: &Object| {
        let mut object = object.clone();
        for name in ["ownerReferences", "finalizers", "managedFields", "resourceVersion"] {
            object.meta_mut().remove(name);
        }
        object
    };
    plain(new) == plain(old)
}
