//! Certificates on request against a real API.

use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use orchestrator_controllers::builtin;
use orchestrator_controllers::certificates::Authority;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::plane::Plane;

async fn plane() -> Plane {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().pem();
    let authority = Authority::new(&certificate, &key.serialize_pem()).unwrap();
    Plane::with(|deps| {
        let mut deps = deps.clone();
        deps.config.authority = Some(Arc::new(authority));
        builtin(&deps)
    })
    .await
}

fn request(signer: &str, name: &str, organization: &str, usages: &[&str]) -> Value {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.distinguished_name.push(DnType::CommonName, name);
    let pem = params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap();
    json!({"metadata": {"name": "r"}, "spec": {"request": ByteString(pem.into_bytes()),
        "signerName": signer, "usages": usages}})
}

async fn state(plane: &Plane) -> (Vec<String>, bool) {
    let request = plane.get::<CertificateSigningRequest>("r").await;
    let status = request.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    (conditions.into_iter().map(|c| c.type_).collect(), status.certificate.is_some())
}

#[tokio::test(start_paused = true)]
async fn a_certificate_follows_an_approval_and_is_thrown_away_in_time() {
    let plane = plane().await;
    let wanted = request("kubernetes.io/kube-apiserver-client", "jane", "dev", &["client auth"]);
    plane.create::<CertificateSigningRequest>(wanted).await;
    assert_eq!(state(&plane).await, (vec![], false));
    let now = plane.env.now_rfc3339();
    let approved = json!({"status": {"conditions": [{"type": "Approved", "status": "True",
        "reason": "R", "message": "M", "lastUpdateTime": now}]}});
    let api = plane.client.api::<CertificateSigningRequest>();
    let patch = orchestrator_client::Patch::Merge(approved);
    api.patch_sub(&crate::plane::key("r"), "approval", patch).await.unwrap();
    plane.settle().await;
    assert_eq!(state(&plane).await, (vec!["Approved".to_owned()], true));
    plane.advance(3700).await;
    assert!(plane.find::<CertificateSigningRequest>("r").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_request_of_a_node_is_approved_and_signed_at_once() {
    let plane = plane().await;
    let usages = ["client auth", "digital signature"];
    let signer = "kubernetes.io/kube-apiserver-client-kubelet";
    let wanted = request(signer, "system:node:n1", "system:nodes", &usages);
    plane.create::<CertificateSigningRequest>(wanted).await;
    assert_eq!(state(&plane).await, (vec!["Approved".to_owned()], true));
}

#[tokio::test(start_paused = true)]
async fn a_token_signs_the_description_of_the_cluster_until_it_ends() {
    let plane = Plane::new().await;
    let info = json!({"metadata": {"namespace": "kube-public", "name": "cluster-info"},
        "data": {"kubeconfig": "text"}});
    plane.create::<ConfigMap>(info).await;
    let end = plane.env.now() + jiff::SignedDuration::from_secs(60);
    let token = json!({"metadata": {"namespace": "kube-system", "name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token", "stringData": {"token-id": "abcdef",
            "token-secret": "0123456789abcdef", "usage-bootstrap-signing": "true",
            "expiration": end.to_string()}});
    let typed: Secret = serde_json::from_value(token).unwrap();
    plane.client.api::<Secret>().create(&typed).await.unwrap();
    plane.settle().await;
    let info = plane.get::<ConfigMap>("kube-public/cluster-info").await;
    assert!(info.data.as_ref().unwrap().contains_key("jws-kubeconfig-abcdef"));
    plane.advance(61).await;
    assert!(plane.find::<Secret>("kube-system/bootstrap-token-abcdef").await.is_none());
    let info = plane.get::<ConfigMap>("kube-public/cluster-info").await;
    assert_eq!(info.data.as_ref().unwrap().len(), 1);
}
