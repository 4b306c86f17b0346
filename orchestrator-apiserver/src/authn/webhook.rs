//! An authenticator elsewhere, asked by `TokenReview`s.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use orchestrator_core::{Env, Json, UserInfo};
use serde_json::json;

use super::{Authentication, Authenticator, Credentials, ISSUER};
use crate::authz::WebhookError;
use crate::outbound::{Expiring, Remote};

/// How long an answer counts.
const KNOWN_FOR: Duration = Duration::from_secs(2 * 60);

/// The longest token that is passed on.
const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// Asks a remote server whose a token is, and remembers its answers for a while.
#[derive(Debug)]
pub struct TokenWebhook {
    remote: Remote,
    env: Env,
    known: Expiring<Authentication>,
}

impl TokenWebhook {
    /// Asks the server that a kubeconfig names; files in it are relative to `folder`.
    ///
    /// # Errors
    /// The kubeconfig cannot be used.
    pub fn new(kubeconfig: &str, folder: &Path, env: Env) -> Result<Self, WebhookError> {
        let remote = Remote::read(kubeconfig, folder, env.clone()).map_err(WebhookError)?;
        Ok(Self { remote, known: Expiring::new(env.clone()), env })
    }
}

/// Whom an answer names.
fn user(status: &Json) -> Authentication {
    if status.get("authenticated").and_then(Json::as_bool) != Some(true) {
        return Authentication::Refused;
    }
    let texts = |list: Option<&Json>| -> Vec<String> {
        let list = list.and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let audiences = texts(status.get("audiences"));
    if !audiences.is_empty() && !audiences.iter().any(|audience| audience == ISSUER) {
        return Authentication::Refused;
    }
    let Some(told) = status.get("user") else { return Authentication::Refused };
    let text = |name: &str| told.get(name).and_then(Json::as_str).unwrap_or_default();
    let extra = told.get("extra").and_then(Json::as_object).into_iter().flatten();
    let mut groups = texts(told.get("groups"));
    if !groups.iter().any(|group| group == UserInfo::AUTHENTICATED) {
        groups.push(UserInfo::AUTHENTICATED.into());
    }
    Authentication::Known(UserInfo {
        name: text("username").into(),
        uid: text("uid").into(),
        groups,
        extra: extra.map(|(key, values)| (key.to_lowercase(), texts(Some(values)))).collect(),
    })
}

#[async_trait]
impl Authenticator for TokenWebhook {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Authentication {
        let Some(token) = credentials.bearer.filter(|token| token.len() <= MAX_TOKEN_BYTES) else {
            return Authentication::Abstain;
        };
        if let Some(known) = self.known.get(token) {
            return known;
        }
        let question = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": {"token": token, "audiences": [ISSUER]},
        });
        match self.remote.review(&self.env, &question).await {
            Ok(status) => {
                let judged = user(&status);
                self.known.put(token, judged.clone(), KNOWN_FOR);
                judged
            }
            Err(why) => {
                tracing::warn!(why, "token webhook failed");
                Authentication::Refused
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_a_user_or_nobody() {
        let good = json!({"authenticated": true, "user": {"username": "jane", "uid": "u",
            "groups": ["dev"], "extra": {"Scope": ["x"]}}});
        let Authentication::Known(jane) = user(&good) else { panic!("{good}") };
        assert_eq!((jane.name.as_str(), jane.uid.as_str()), ("jane", "u"));
        assert_eq!(jane.groups, ["dev", UserInfo::AUTHENTICATED]);
        assert_eq!(jane.extra["scope"], ["x"]);
        let mut other = good.clone();
        other["audiences"] = json!(["elsewhere"]);
        for bad in [json!({}), json!({"authenticated": false}), other] {
            assert_eq!(user(&bad), Authentication::Refused, "{bad}");
        }
    }
}
