//! Conversion by a webhook: a `ConversionReview` is sent, objects of the other version come back.
//!
//! The time of a call and the size of its answer are bounded, and what comes back must be the
//! same object: kind, name, namespace and uid stay, of the metadata only labels and annotations
//! may change.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::BoxFuture;
use orchestrator_core::field::FieldErrors;
use orchestrator_core::object::Map;
use orchestrator_core::{Env, Json, Object, Status};
use orchestrator_kinds::fields::Fields;
use orchestrator_kinds::meta;
use serde_json::json;

use super::Plane;
use crate::admission::webhook::service;
use crate::outbound::{Call, Caller, Trust};
use crate::registry::{Objects, Registry};

/// How long a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The versions of the question that are spoken.
const REVIEWS: [&str; 2] = ["v1", "v1beta1"];

/// A webhook that converts the objects of one definition.
#[derive(Debug)]
pub(crate) struct Webhook {
    env: Env,
    url: String,
    /// The service behind the URL, where it names one.
    service: Option<Service>,
    /// The version of the question, where one is spoken on both sides.
    review: Option<&'static str>,
    caller: Result<Caller, String>,
}

impl Webhook {
    pub(super) fn read(webhook: &Json, plane: &Plane) -> Self {
        let (client, env) = (webhook.sub("clientConfig"), &plane.env);
        let bundle = BASE64_STANDARD.decode(client.text("caBundle")).unwrap_or_default();
        let trust = match bundle.is_empty() {
            true => Trust::system(),
            false => Trust::authorities(String::from_utf8_lossy(&bundle).into_owned()),
        };
        let spoken = |version: &str| REVIEWS.into_iter().find(|known| *known == version);
        Self {
            env: env.clone(),
            url: url(client),
            service: Service::read(client.sub("service"), plane),
            review: webhook.texts("conversionReviewVersions").find_map(spoken),
            caller: Caller::new(&trust, env.clone()).map_err(|error| error.to_string()),
        }
    }

    /// The object in the version `wanted`; boxed, for the webhook's own service is read by the
    /// functions that convert.
    pub(super) fn convert<'a>(
        &'a self,
        object: &'a Object,
        wanted: &'a str,
    ) -> BoxFuture<'a, Result<Object, Status>> {
        Box::pin(self.converted(object, wanted))
    }

    async fn converted(&self, object: &Object, wanted: &str) -> Result<Object, Status> {
        let failed = |why: String| {
            let (group, version) = (object.api_version(), object.kind());
            let message = format!("conversion webhook for {group}, Kind={version} {why}");
            Status::new(500, "", message)
        };
        let converted = self.ask(object, wanted).await;
        let converted = converted.map_err(|why| failed(format!("failed: {why}")))?;
        check(object, &converted, wanted)
            .map_err(|why| failed(format!("returned invalid object: {why}")))?;
        restore(object, converted)
            .map_err(|why| failed(format!("returned invalid metadata: {why}")))
    }

    async fn ask(&self, object: &Object, wanted: &str) -> Result<Object, String> {
        let review = self.review.ok_or("no supported conversion review versions")?;
        let caller = self.caller.as_ref().map_err(Clone::clone)?;
        let uid = self.env.uid();
        let question = json!({
            "apiVersion": format!("apiextensions.k8s.io/{review}"),
            "kind": "ConversionReview",
            "request": {
                "uid": uid,
                "desiredAPIVersion": wanted,
                "objects": [object.clone().into_json()],
            },
        });
        let mut call = Call::post(&self.url, question.to_string(), TIMEOUT);
        if let Some(service) = &self.service {
            call.connect = Some(service.address().await?);
        }
        let (status, body) = caller.call(call).await.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("the server responded with the status code {}", status.as_u16()));
        }
        let answer: Json = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        read(&answer, review, &uid)
    }
}

/// A service that a webhook is behind.
#[derive(Debug)]
struct Service {
    /// Reads the built-in kinds alone: a registry with custom resources would hold itself.
    objects: Objects,
    namespace: String,
    name: String,
    port: u16,
}

impl Service {
    fn read(service: &Json, plane: &Plane) -> Option<Self> {
        let text = |name: &str| service.text(name).to_owned();
        let store = Arc::clone(plane.objects.store());
        service.is_object().then(|| Self {
            objects: Objects::new(store, Registry::builtin([])),
            namespace: text("namespace"),
            name: text("name"),
            port: service.int("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(443),
        })
    }

    async fn address(&self) -> Result<(String, u16), String> {
        service::address(&self.objects, &self.namespace, &self.name, self.port).await
    }
}

/// The one object of an answer.
fn read(answer: &Json, review: &str, uid: &str) -> Result<Object, String> {
    let wanted = format!("apiextensions.k8s.io/{review}");
    if review == "v1"
        && (answer.text("apiVersion"), answer.text("kind")) != (&wanted, "ConversionReview")
    {
        return Err(format!(
            "expected webhook response of {wanted}, Kind=ConversionReview, got {}, Kind={}",
            answer.text("apiVersion"),
            answer.text("kind")
        ));
    }
    let response = answer.sub("response");
    if !response.is_object() {
        return Err("no response provided".into());
    }
    if review == "v1" && response.text("uid") != uid {
        let found = response.text("uid");
        return Err(format!("expected response.uid={uid:?}, got {found:?}"));
    }
    let result = response.sub("result");
    match (result.text("status"), result.text("message")) {
        ("Success", _) => {}
        (status, "") => {
            return Err(format!("response.result.status was '{status}', not 'Success'"));
        }
        (_, message) => return Err(message.to_owned()),
    }
    match response.list("convertedObjects") {
        [Json::Object(map)] => Ok(Object::from(map.clone())),
        others => Err(format!("returned {} objects, expected 1", others.len())),
    }
}

/// The address of a webhook; one of a service is reached by the service's name.
fn url(client: &Json) -> String {
    let service = client.sub("service");
    if service.is_null() {
        return client.text("url").to_owned();
    }
    let path = service.text("path").trim_start_matches('/');
    let port = service.int("port").unwrap_or(443);
    let (name, namespace) = (service.text("name"), service.text("namespace"));
    format!("https://{name}.{namespace}.svc:{port}/{path}")
}

/// Whether what came back is the object that was sent, in the version `wanted`.
fn check(sent: &Object, back: &Object, wanted: &str) -> Result<(), String> {
    if back.api_version() != wanted {
        return Err(format!(
            "invalid groupVersion (expected {wanted}, received {})",
            back.api_version()
        ));
    }
    let kept = [
        ("kind", sent.kind(), back.kind()),
        ("name", sent.name(), back.name()),
        ("namespace", sent.namespace(), back.namespace()),
        ("UID", sent.uid(), back.uid()),
    ];
    for (what, sent, back) in kept {
        if sent != back {
            return Err(format!("must have the same {what}: {sent} != {back}"));
        }
    }
    Ok(())
}

/// The metadata that was sent, with the labels and annotations that came back.
fn restore(sent: &Object, mut back: Object) -> Result<Object, String> {
    let Some(Json::Object(found)) = back.remove("metadata") else {
        return Err("missing metadata in converted object".into());
    };
    let mut kept = sent.get("metadata").and_then(Json::as_object).cloned().unwrap_or_default();
    for field in ["labels", "annotations"] {
        match found.get(field) {
            None | Some(Json::Null) => drop(kept.remove(field)),
            Some(Json::Object(map)) => {
                if let Some((key, _)) = map.iter().find(|(_, value)| !value.is_string()) {
                    return Err(format!("metadata.{field}[{key}] must be a string"));
                }
                kept.insert(field.into(), Json::Object(map.clone()));
            }
            Some(_) => return Err(format!("invalid metadata.{field} in converted object")),
        }
    }
    check_texts(&kept)?;
    back.set("metadata", Json::Object(kept));
    Ok(back)
}

/// Whether labels and annotations have their form.
fn check_texts(metadata: &Map) -> Result<(), String> {
    let texts = ["labels", "annotations"].into_iter();
    let texts = texts.filter_map(|name| Some((name.to_owned(), metadata.get(name)?.clone())));
    let mut errors = FieldErrors::new();
    meta::check_embedded(&texts.collect(), "metadata", &mut errors);
    match errors.first() {
        Some(error) => Err(error.to_string()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(tree: Json) -> Object {
        serde_json::from_value(tree).unwrap()
    }

    #[test]
    fn an_answer_must_be_about_the_question() {
        let answer = |result: Json, objects: Json| {
            json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
                "response": {"uid": "u", "result": result, "convertedObjects": objects}})
        };
        let good = answer(json!({"status": "Success"}), json!([{"kind": "A"}]));
        assert_eq!(read(&good, "v1", "u").unwrap().kind(), "A");
        let refused = |answer: &Json, uid: &str| read(answer, "v1", uid).unwrap_err();
        assert_eq!(refused(&good, "w"), "expected response.uid=\"w\", got \"u\"");
        let failed = answer(json!({"status": "Failure", "message": "no"}), json!([]));
        assert_eq!(refused(&failed, "u"), "no");
        let none = answer(json!({"status": "Success"}), json!([]));
        assert_eq!(refused(&none, "u"), "returned 0 objects, expected 1");
        assert!(refused(&json!({}), "u").starts_with("expected webhook response of"));
    }

    #[test]
    fn of_the_metadata_only_labels_and_annotations_change() {
        let sent = object(json!({"apiVersion": "g/v1", "kind": "A",
            "metadata": {"name": "a", "uid": "u", "labels": {"x": "1"}, "generation": 3}}));
        let back = object(json!({"apiVersion": "g/v2", "kind": "A",
            "metadata": {"name": "a", "uid": "u", "annotations": {"y": "2"}, "generation": 9}}));
        assert_eq!(check(&sent, &back, "g/v2"), Ok(()));
        let restored = restore(&sent, back).unwrap();
        assert_eq!(
            restored.get("metadata").unwrap(),
            &json!({"name": "a", "uid": "u", "annotations": {"y": "2"}, "generation": 3})
        );
        let other = object(json!({"apiVersion": "g/v2", "kind": "A", "metadata": {"name": "b"}}));
        assert_eq!(check(&sent, &other, "g/v2").unwrap_err(), "must have the same name: a != b");
    }
}
