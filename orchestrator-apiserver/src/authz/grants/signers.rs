//! Approvals and signatures of requests for certificates.

use orchestrator_core::Status;
use orchestrator_core::object::Object;

use super::may;
use crate::authz::ResourceTarget;
use crate::pipeline::Cx;

/// Refuses an approval or a signature by who may not do that for the request's signer.
pub(super) async fn check(
    cx: &Cx<'_>,
    part: &str,
    new: &Object,
    old: &Object,
) -> Result<(), Status> {
    let verb = match part {
        "approval" => "approve",
        _ => "sign",
    };
    let changed = |field: &str| new.at(&["status", field]) != old.at(&["status", field]);
    if verb == "sign" && !changed("certificate") && !changed("conditions") {
        return Ok(());
    }
    let signer = old.text_at(&["spec", "signerName"]);
    let domain = signer.split_once('/').map_or(signer, |(domain, _)| domain);
    if may(cx, verb, target(signer)).await || may(cx, verb, target(&format!("{domain}/*"))).await {
        return Ok(());
    }
    let why = format!("user not permitted to {verb} requests with signerName {signer:?}");
    Err(Status::forbidden(&cx.resource.group_resource, old.name(), why))
}

fn target(signer: &str) -> ResourceTarget<'_> {
    ResourceTarget {
        group: "certificates.k8s.io",
        version: "*",
        resource: "signers",
        name: signer,
        ..ResourceTarget::default()
    }
}
