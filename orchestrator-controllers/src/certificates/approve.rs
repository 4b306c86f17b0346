//! Approving the client certificates of nodes, where whoever asks may have one.

use async_trait::async_trait;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use orchestrator_client::{Api, Client, Informer, KindExt, Patch, gvr, gvr_of};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Object, ObjectKey, Status, Verb};
use serde_json::{Value, json};

use super::request::Wanted;
use super::signers::{KUBELET_CLIENT, check_kubelet_client};
use super::{condition, is_issued};
use crate::clock;
use crate::deps::ControllerDeps;

/// Approves what nodes ask for.
#[derive(Debug)]
pub struct CertificateApprover {
    requests: Informer<CertificateSigningRequest>,
    api: Api<CertificateSigningRequest>,
    client: Client,
}

/// A kind of request that is approved where the requester may create its subresource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Recognized {
    subresource: &'static str,
    message: &'static str,
}

/// A node renews its own certificate.
const SELF: Recognized = Recognized {
    subresource: "selfnodeclient",
    message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
};
/// Somebody asks for the certificate of a node, such as a machine with a bootstrap token.
const NODE: Recognized = Recognized {
    subresource: "nodeclient",
    message: "Auto approving kubelet client certificate after SubjectAccessReview.",
};

/// The kinds that a request is of, the first to be tried first.
fn recognized(request: &CertificateSigningRequest) -> Vec<Recognized> {
    let decided = ["Approved", "Denied"].iter().any(|word| condition(request, word).is_some());
    let spec = &request.spec;
    if decided || is_issued(request) || spec.signer_name != KUBELET_CLIENT {
        return Vec::new();
    }
    let Ok(wanted) = Wanted::parse(&spec.request.0) else { return Vec::new() };
    let usages = spec.usages.as_deref().unwrap_or_default();
    match check_kubelet_client(&wanted, usages) {
        Err(_) => Vec::new(),
        Ok(()) if spec.username.as_deref() == Some(&wanted.common_name) => vec![SELF, NODE],
        Ok(()) => vec![NODE],
    }
}

impl CertificateApprover {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let client = deps.client().clone();
        Self { requests: deps.informers.of(), api: client.api(), client }
    }

    /// Whether the requester may create a subresource of certificate requests.
    async fn may(
        &self,
        request: &CertificateSigningRequest,
        subresource: &str,
    ) -> Result<bool, Status> {
        let spec = &request.spec;
        let review: Value = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {},
            "spec": {
                "user": spec.username, "uid": spec.uid, "groups": spec.groups, "extra": spec.extra,
                "resourceAttributes": {
                    "group": "certificates.k8s.io", "resource": "certificatesigningrequests",
                    "subresource": subresource, "verb": "create", "version": "*",
                },
            },
        });
        let body: Object = serde_json::from_value(review).map_err(Status::internal)?;
        let call = self.client.request(Verb::Create, gvr_of::<SubjectAccessReview>()).body(body);
        match self.client.call(call).await?.body {
            ResponseBody::Object { item, .. } => {
                let review: std::sync::Arc<SubjectAccessReview> =
                    item.typed().map_err(Status::internal)?;
                Ok(review.status.as_ref().is_some_and(|status| status.allowed))
            }
            _ => Err(Status::internal("a single object was expected")),
        }
    }

    async fn approve(
        &self,
        request: &CertificateSigningRequest,
        message: &str,
    ) -> Result<(), Status> {
        let now = clock::now(self.client.env());
        let approved = CertificateSigningRequestCondition {
            type_: "Approved".into(),
            status: "True".into(),
            reason: Some("AutoApproved".into()),
            message: Some(message.into()),
            last_update_time: Some(now.clone()),
            last_transition_time: Some(now),
        };
        let mut conditions =
            request.status.clone().and_then(|status| status.conditions).unwrap_or_default();
        conditions.push(approved);
        let patch = json!({
            "metadata": {"uid": request.uid(), "resourceVersion": request.metadata.resource_version},
            "status": {"conditions": conditions},
        });
        self.api.patch_sub(&request.key(), "approval", Patch::Merge(patch)).await.map(drop)
    }
}

#[async_trait]
impl Controller for CertificateApprover {
    fn name(&self) -> &str {
        "certificatesigningrequest-approving"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<CertificateSigningRequest>())]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(request) = self.requests.get(key) else { return Ok(Outcome::Done) };
        let kinds = recognized(&request);
        for kind in &kinds {
            if self.may(&request, kind.subresource).await? {
                self.approve(&request, kind.message).await?;
                return Ok(Outcome::Done);
            }
        }
        match kinds.is_empty() {
            true => Ok(Outcome::Done),
            // Rights may be given later, and nothing tells of that here.
            false => Err(Status::internal(format!(
                "recognized csr {key} but subject access review was not approved"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::pem;
    use super::*;
    use base64::Engine as _;

    #[test]
    fn only_open_requests_of_nodes_are_recognized() {
        let request = |signer: &str, name: &str, user: &str, condition: &str| {
            let pem = base64::prelude::BASE64_STANDARD.encode(pem(name, "system:nodes", &[]));
            let conditions = [json!({"type": condition, "status": "True"})];
            let request: CertificateSigningRequest = serde_json::from_value(json!({
                "metadata": {"name": "r"},
                "spec": {"request": pem, "signerName": signer, "username": user,
                    "usages": ["digital signature", "client auth"]},
                "status": {"conditions": conditions},
            }))
            .unwrap();
            recognized(&request)
        };
        let node = "system:node:n";
        assert_eq!(request(KUBELET_CLIENT, node, node, ""), [SELF, NODE]);
        assert_eq!(request(KUBELET_CLIENT, node, "system:bootstrap:x", ""), [NODE]);
        assert_eq!(request(KUBELET_CLIENT, node, node, "Denied"), []);
        assert_eq!(request(KUBELET_CLIENT, "jane", "jane", ""), []);
        assert_eq!(request("example.com/x", node, node, ""), []);
    }
}
