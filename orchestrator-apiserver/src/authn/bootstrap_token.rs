//! Bootstrap tokens: secrets by which new nodes introduce themselves.
//!
//! A token `<id>.<secret>` is the secret `bootstrap-token-<id>` in `kube-system`. Its holder is a
//! user of its own, in `system:bootstrappers` and in those groups that the secret names.

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use orchestrator_core::object::Object;
use orchestrator_core::{Env, GroupVersionResource, UserInfo};
use sha2::{Digest, Sha256};

use super::{Authentication, Authenticator, Credentials};
use crate::registry::Objects;

/// The namespace of the secrets.
const NAMESPACE: &str = "kube-system";

/// The type of the secrets.
const TYPE: &str = "bootstrap.kubernetes.io/token";

/// The group of all holders, and how the names of all further groups begin.
const GROUP: &str = "system:bootstrappers";

/// How long the two parts of a token are.
const PARTS: (usize, usize) = (6, 16);

/// The most letters of a group's name after the part that all share.
const MAX_GROUP: usize = 256;

/// Knows the holders of bootstrap tokens.
#[derive(Clone, Debug)]
pub struct BootstrapTokens {
    objects: Objects,
    env: Env,
}

impl BootstrapTokens {
    /// Knows the tokens whose secrets are among `objects`.
    pub fn new(objects: Objects, env: Env) -> Self {
        Self { objects, env }
    }

    async fn user(&self, id: &str, secret: &str) -> Option<UserInfo> {
        let gvr = GroupVersionResource::new("", "v1", "secrets");
        let name = format!("bootstrap-token-{id}");
        let found = self.objects.get(&gvr, NAMESPACE, &name).await.ok()??;
        holder(found.tree().ok()?, id, secret, self.env.now())
    }
}

/// The two parts of a token; `None` for what is none.
fn parts(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let is_part = |part: &str, len| {
        part.len() == len && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    (is_part(id, PARTS.0) && is_part(secret, PARTS.1)).then_some((id, secret))
}

/// The user of a token, where `stored` is its secret and still counts.
fn holder(stored: &Object, id: &str, secret: &str, now: Timestamp) -> Option<UserInfo> {
    let data = |name: &str| {
        let bytes = BASE64_STANDARD.decode(stored.text_at(&["data", name])).ok()?;
        String::from_utf8(bytes).ok()
    };
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let counts = stored.text_at(&["type"]) == TYPE
        && stored.deletion_timestamp().is_none()
        && data("token-id")? == id
        && digest(&data("token-secret")?) == digest(secret)
        && data("usage-bootstrap-authentication")? == "true"
        && !ended(data("expiration"), now);
    if !counts {
        return None;
    }
    let mut groups = vec![GROUP.to_owned()];
    for group in data("auth-extra-groups").unwrap_or_default().split(',') {
        let group = group.trim();
        if group.is_empty() {
            continue;
        }
        // One wrong group makes the whole token wrong.
        is_group(group).then(|| groups.push(group.to_owned()))?;
    }
    groups.dedup();
    Some(UserInfo::new(format!("system:bootstrap:{id}"), groups))
}

/// Whether a token has ended; one whose end cannot be read has.
fn ended(expiration: Option<String>, now: Timestamp) -> bool {
    match expiration.as_deref() {
        None | Some("") => false,
        Some(text) => text.parse::<Timestamp>().map_or(true, |end| end <= now),
    }
}

fn is_group(group: &str) -> bool {
    let rest = group.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix(':'));
    rest.is_some_and(|rest| {
        rest.len() <= MAX_GROUP
            && rest
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b':' | b'-'))
            && rest.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
    })
}

#[async_trait]
impl Authenticator for BootstrapTokens {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let Some((id, secret)) = credentials.bearer.and_then(parts) else {
            return Authentication::Abstain;
        };
        match self.user(id, secret).await {
            Some(user) => Authentication::Known(user),
            None => Authentication::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::Json;
    use serde_json::json;

    const SECRET: &str = "0123456789abcdef";

    fn secret(changes: Json) -> Object {
        let mut data = json!({"token-id": "abcdef", "token-secret": SECRET,
            "usage-bootstrap-authentication": "true"});
        for (key, value) in changes.as_object().unwrap() {
            data[key.as_str()] = value.clone();
        }
        let map = data.as_object_mut().unwrap();
        for (_, value) in map.iter_mut() {
            *value = Json::from(BASE64_STANDARD.encode(value.as_str().unwrap()));
        }
        serde_json::from_value(json!({"type": TYPE, "data": data})).unwrap()
    }

    fn groups(changes: Json) -> Option<Vec<String>> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        holder(&secret(changes), "abcdef", SECRET, now).map(|user| user.groups)
    }

    #[test]
    fn a_secret_makes_a_user_while_it_counts() {
        let usual = vec![GROUP.to_owned(), UserInfo::AUTHENTICATED.to_owned()];
        assert_eq!(groups(json!({})), Some(usual.clone()));
        assert_eq!(groups(json!({"expiration": "2027-01-01T00:00:00Z"})), Some(usual));
        let more = json!({"auth-extra-groups": "system:bootstrappers:a, system:bootstrappers:b"});
        assert_eq!(
            groups(more).unwrap()[1..3],
            ["system:bootstrappers:a", "system:bootstrappers:b"]
        );
        for wrong in [
            json!({"expiration": "2025-01-01T00:00:00Z"}),
            json!({"expiration": "soon"}),
            json!({"token-secret": "other"}),
            json!({"token-id": "fedcba"}),
            json!({"usage-bootstrap-authentication": "yes"}),
            json!({"auth-extra-groups": "system:masters"}),
        ] {
            assert_eq!(groups(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn other_bearer_tokens_are_left_to_others() {
        assert_eq!(parts("abcdef.0123456789abcdef"), Some(("abcdef", SECRET)));
        for other in ["", "abcdef", "abcde.0123456789abcdef", "ABCDEF.0123456789abcdef", "a.b.c"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }
}
