//! A webhook as it is configured, read once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator_core::object::Object;
use orchestrator_core::{Env, Json};
use orchestrator_kinds::kinds::admissionregistration::expressions::{self, Scope};

use crate::admission::expression::Condition;
use crate::admission::matching::Matching;
use crate::outbound::{Caller, Trust};

/// How long a webhook may take where nobody says.
const TIMEOUT_S: u64 = 10;

/// A webhook.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) name: String,
    /// Whether the request fails with it.
    pub(crate) fails: bool,
    /// Whether it wants to see what others did after it.
    pub(crate) again: bool,
    /// Whether asking it does something besides.
    pub(crate) has_side_effects: bool,
    pub(crate) timeout: Duration,
    /// The version of reviews that it takes.
    pub(crate) version: &'static str,
    pub(crate) matching: Matching,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) place: Place,
    trust: Trust,
    caller: OnceLock<Result<Caller, String>>,
}

/// Where a webhook is.
#[derive(Debug)]
pub(crate) enum Place {
    /// Behind a URL.
    Url(String),
    /// Behind a service.
    Service { namespace: String, name: String, port: u16, path: String },
}

fn text<'o>(of: &'o Json, field: &str) -> &'o str {
    of.get(field).and_then(Json::as_str).unwrap_or_default()
}

impl Webhook {
    /// The webhooks of a stored configuration.
    pub(crate) fn all(object: &Object) -> Arc<[Webhook]> {
        let list = object.get("webhooks").and_then(Json::as_array).into_iter().flatten();
        list.map(Self::read).collect()
    }

    fn read(webhook: &Json) -> Self {
        let client = webhook.get("clientConfig").cloned().unwrap_or_default();
        let env = expressions::env(Scope { params: false, authorizer: true });
        let seconds = webhook.get("timeoutSeconds").and_then(Json::as_u64);
        let versions = webhook.get("admissionReviewVersions").and_then(Json::as_array);
        let versions = versions.into_iter().flatten().filter_map(Json::as_str);
        let known = versions
            .filter_map(|version| ["v1", "v1beta1"].into_iter().find(|known| *known == version));
        Self {
            name: text(webhook, "name").to_owned(),
            fails: text(webhook, "failurePolicy") != "Ignore",
            again: text(webhook, "reinvocationPolicy") == "IfNeeded",
            has_side_effects: !matches!(text(webhook, "sideEffects"), "None" | "NoneOnDryRun"),
            timeout: Duration::from_secs(seconds.unwrap_or(TIMEOUT_S).clamp(1, 30)),
            version: known.into_iter().next().unwrap_or("v1"),
            matching: Matching::read(webhook, "rules"),
            conditions: Condition::all(webhook.get("matchConditions"), &env),
            place: place(&client),
            trust: trust(&client),
            caller: OnceLock::new(),
        }
    }

    /// Who calls it.
    ///
    /// # Errors
    /// The authorities that it is to be trusted by cannot be read.
    pub(crate) fn caller(&self, env: &Env) -> Result<&Caller, String> {
        let made = self.caller.get_or_init(|| {
            Caller::new(&self.trust, env.clone()).map_err(|error| error.to_string())
        });
        made.as_ref().map_err(|why| format!("failed to get webhook client: {why}"))
    }
}

fn place(client: &Json) -> Place {
    match client.get("service").filter(|service| !service.is_null()) {
        None => Place::Url(text(client, "url").to_owned()),
        Some(service) => Place::Service {
            namespace: text(service, "namespace").to_owned(),
            name: text(service, "name").to_owned(),
            port: service
                .get("port")
                .and_then(Json::as_u64)
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(443),
            path: text(service, "path").to_owned(),
        },
    }
}

fn trust(client: &Json) -> Trust {
    match STANDARD.decode(text(client, "caBundle")) {
        Ok(pem) if !pem.is_empty() => Trust::authorities(String::from_utf8_lossy(&pem)),
        _ => Trust::system(),
    }
}
