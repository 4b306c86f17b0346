//! An authorizer elsewhere, asked by `SubjectAccessReview`s.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use orchestrator_core::{Env, Json, UserInfo};
use serde_json::json;

use super::{Attributes, Authorizer, Decision, Rules, Target};
use crate::outbound::{Expiring, Remote};

/// How long a permission counts.
const ALLOWED_FOR: Duration = Duration::from_secs(5 * 60);

/// How long a refusal counts.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// Asks a remote server, and remembers its answers for a while.
#[derive(Debug)]
pub struct Webhook {
    remote: Remote,
    env: Env,
    known: Expiring<Decision>,
}

/// The configuration of a webhook cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the webhook's configuration cannot be used: {0}")]
pub struct WebhookError(pub(crate) String);

impl Webhook {
    /// Asks the server that a kubeconfig names; files in it are relative to `folder`.
    ///
    /// # Errors
    /// The kubeconfig cannot be used.
    pub fn new(kubeconfig: &str, folder: &Path, env: Env) -> Result<Self, WebhookError> {
        let remote = Remote::read(kubeconfig, folder, env.clone()).map_err(WebhookError)?;
        Ok(Self { remote, known: Expiring::new(env.clone()), env })
    }
}

/// The question about one request.
fn question(attributes: Attributes<'_>) -> Json {
    let UserInfo { name, uid, groups, extra } = attributes.user;
    let mut spec = json!({"user": name, "groups": groups});
    if !uid.is_empty() {
        spec["uid"] = Json::from(uid.as_str());
    }
    if !extra.is_empty() {
        spec["extra"] = json!(extra);
    }
    match attributes.target {
        Target::Path(path) => {
            spec["nonResourceAttributes"] = json!({"path": path, "verb": attributes.verb});
        }
        Target::Resource(to) => {
            let mut about = json!({"verb": attributes.verb});
            for (name, text) in [
                ("namespace", to.namespace),
                ("group", to.group),
                ("version", to.version),
                ("resource", to.resource),
                ("subresource", to.subresource),
                ("name", to.name),
            ] {
                if !text.is_empty() {
                    about[name] = Json::from(text);
                }
            }
            let terms = to.fields.iter().map(|term| {
                let operator = if term.equals { "In" } else { "NotIn" };
                json!({"key": term.field, "operator": operator, "values": [term.value]})
            });
            let terms: Vec<Json> = terms.collect();
            if !terms.is_empty() {
                about["fieldSelector"] = json!({ "requirements": terms });
            }
            spec["resourceAttributes"] = about;
        }
    }
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
}

/// What an answer says.
fn decision(status: &Json) -> Decision {
    let is = |name: &str| status.get(name).and_then(Json::as_bool).unwrap_or_default();
    let reason = status.get("reason").and_then(Json::as_str).unwrap_or_default().to_owned();
    match (is("allowed"), is("denied")) {
        // One who says both is not to be believed.
        (true, true) | (false, true) => Decision::Deny(reason),
        (true, false) => Decision::Allow(reason),
        (false, false) => Decision::NoOpinion(reason),
    }
}

#[async_trait]
impl Authorizer for Webhook {
    async fn authorize(&self, attributes: Attributes<'_>) -> Decision {
        let question = question(attributes);
        let text = question.to_string();
        if let Some(known) = self.known.get(&text) {
            return known;
        }
        match self.remote.review(&self.env, &question).await {
            Ok(status) => {
                let decision = decision(&status);
                let time = if decision.is_allowed() { ALLOWED_FOR } else { REFUSED_FOR };
                self.known.put(&text, decision.clone(), time);
                decision
            }
            Err(why) => {
                tracing::warn!(why, "authorization webhook failed");
                Decision::NoOpinion(why)
            }
        }
    }

    async fn rules(&self, _: &UserInfo, _: &str) -> Rules {
        Rules {
            is_incomplete: true,
            error: "webhook authorizer does not support user rule resolution".into(),
            ..Rules::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::ResourceTarget;

    #[test]
    fn a_question_says_who_and_what_and_an_answer_is_one_of_three() {
        let user = UserInfo::new("jane", ["dev"]);
        let to = ResourceTarget { resource: "pods", namespace: "n", ..ResourceTarget::default() };
        let asked = Attributes { user: &user, verb: "list", target: Target::Resource(to) };
        let wanted = json!({"user": "jane", "groups": ["dev", "system:authenticated"],
            "resourceAttributes": {"verb": "list", "namespace": "n", "resource": "pods"}});
        assert_eq!(question(asked)["spec"], wanted);
        for (status, wanted) in [
            (json!({"allowed": true, "reason": "r"}), Decision::Allow("r".into())),
            (json!({"allowed": false}), Decision::NoOpinion(String::new())),
            (json!({"denied": true}), Decision::Deny(String::new())),
            (json!({"allowed": true, "denied": true}), Decision::Deny(String::new())),
            (Json::Null, Decision::NoOpinion(String::new())),
        ] {
            assert_eq!(decision(&status), wanted, "{status}");
        }
    }
}
