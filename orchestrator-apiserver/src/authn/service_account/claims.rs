//! What a token says.

use std::collections::BTreeMap;

use orchestrator_core::UserInfo;
use serde::{Deserialize, Serialize};

use crate::subresource::token::{BoundObject, TokenSpec};

/// All that a token says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) aud: Vec<String>,
    pub(super) exp: i64,
    pub(super) iat: i64,
    pub(super) iss: String,
    pub(super) jti: String,
    #[serde(rename = "kubernetes.io")]
    pub(super) kubernetes: Kubernetes,
    pub(super) nbf: i64,
    pub(super) sub: String,
}

/// Whose the token is, and what it ends with.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kubernetes {
    pub(super) namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pod: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<Reference>,
    pub(super) serviceaccount: Reference,
    /// When the holder should have fetched a newer one, though this one counts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) warnafter: Option<i64>,
}

/// An object, and which one of those that had its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Reference {
    pub(super) name: String,
    #[serde(default)]
    pub(super) uid: String,
}

impl Kubernetes {
    pub(super) fn new(spec: &TokenSpec, now: i64) -> Self {
        let reference =
            |(name, uid): (&str, &str)| Reference { name: name.into(), uid: uid.into() };
        let bound = |kind: &str| {
            let object = spec.bound.as_ref().filter(|bound| bound.kind == kind);
            object.map(|BoundObject { name, uid, .. }| reference((name, uid)))
        };
        let node = spec.node.as_ref().map(|(name, uid)| reference((name, uid)));
        Self {
            namespace: spec.namespace.clone(),
            node: bound("Node").or(node),
            pod: bound("Pod"),
            secret: bound("Secret"),
            serviceaccount: reference((&spec.service_account, &spec.service_account_uid)),
            warnafter: spec.warn_after_s.map(|seconds| now.saturating_add(seconds)),
        }
    }
}

impl Claims {
    /// The user that the token's holder is.
    pub(super) fn user(&self) -> UserInfo {
        const PREFIX: &str = "authentication.kubernetes.io/";
        let Kubernetes { namespace, node, pod, serviceaccount, .. } = &self.kubernetes;
        let groups =
            ["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")];
        let name = format!("system:serviceaccount:{namespace}:{}", serviceaccount.name);
        let mut extra = BTreeMap::new();
        let mut put = |key: &str, value: String| {
            extra.insert(format!("{PREFIX}{key}"), vec![value]);
        };
        put("credential-id", format!("JTI={}", self.jti));
        for (kind, reference) in [("node", node), ("pod", pod)] {
            if let Some(Reference { name, uid }) = reference {
                put(&format!("{kind}-name"), name.clone());
                put(&format!("{kind}-uid"), uid.clone());
            }
        }
        UserInfo { uid: serviceaccount.uid.clone(), extra, ..UserInfo::new(name, groups) }
    }
}
