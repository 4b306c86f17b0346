//! The question that a webhook is asked, and its answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator_core::object::Object;
use orchestrator_core::{Json, Status};
use serde_json::json;

use crate::admission::AdmissionRequest;
use crate::admission::expression::Scene;
use crate::admission::matching::Subject;

/// How many warnings of one webhook are passed on, and how long one may be.
const WARNINGS_MAX: usize = 32;

/// A question.
#[derive(Debug)]
pub(super) struct Review {
    pub(super) uid: String,
    request: Json,
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The refusal, where it is one.
    pub(super) denied: Option<Json>,
    /// The steps that it wants taken.
    pub(super) patch: Option<Vec<u8>>,
    pub(super) warnings: Vec<String>,
}

impl Review {
    pub(super) fn new(
        request: &AdmissionRequest<'_>,
        subject: &Subject<'_>,
        scene: &Scene<'_>,
    ) -> Self {
        let uid = request.env.uid().to_string();
        let mut told = scene.request().clone();
        told["uid"] = Json::from(uid.as_str());
        let tree = |object: Option<&Object>| match object {
            Some(object) => object.clone().into_json(),
            None => Json::Null,
        };
        told["object"] = tree(subject.object.as_deref());
        told["oldObject"] = tree(subject.old.as_deref());
        Self { uid, request: told }
    }

    /// The question as it is sent.
    pub(super) fn body(&self, version: &str) -> String {
        json!({
            "kind": "AdmissionReview",
            "apiVersion": format!("admission.k8s.io/{version}"),
            "request": self.request,
        })
        .to_string()
    }
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn read(
        body: &[u8],
        review: &Review,
        version: &str,
        mutating: bool,
    ) -> Result<Self, String> {
        let answer: Json = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let text = |of: &Json, field: &str| {
            of.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        let Some(response) = answer.get("response").filter(|response| !response.is_null()) else {
            return Err("webhook response was absent".into());
        };
        let wanted = (format!("admission.k8s.io/{version}"), "AdmissionReview".to_owned());
        let found = (text(&answer, "apiVersion"), text(&answer, "kind"));
        if version == "v1" && found != wanted {
            let shown = |(version, kind): &(String, String)| format!("{version}, Kind={kind}");
            return Err(format!(
                "expected webhook response of {}, got {}",
                shown(&wanted),
                shown(&found)
            ));
        }
        let uid = text(response, "uid");
        if version == "v1" && uid != review.uid {
            return Err(format!("expected response.uid={:?}, got {uid:?}", review.uid));
        }
        let patch = match mutating {
            true => patch(response, version)?,
            false => None,
        };
        let allowed = response.get("allowed").and_then(Json::as_bool).unwrap_or_default();
        let warnings = response.get("warnings").and_then(Json::as_array).into_iter().flatten();
        let warnings = warnings.filter_map(Json::as_str).take(WARNINGS_MAX);
        Ok(Self {
            denied: (!allowed).then(|| response.get("status").cloned().unwrap_or_default()),
            patch: patch.filter(|_| allowed),
            warnings: warnings.map(str::to_owned).collect(),
        })
    }
}

fn patch(response: &Json, version: &str) -> Result<Option<Vec<u8>>, String> {
    let text = |field: &str| response.get(field).and_then(Json::as_str).unwrap_or_default();
    let (patch, kind) = (text("patch"), text("patchType"));
    match (patch.is_empty(), kind) {
        (true, "") => return Ok(None),
        (true, _) => {
            return Err("webhook returned response.patchType but not response.patch".into());
        }
        (false, "") if version == "v1" => {
            return Err("webhook returned response.patch but not response.patchType".into());
        }
        (false, "JSONPatch" | "") => {}
        (false, other) => {
            return Err(format!("webhook returned invalid response.patchType of {other:?}"));
        }
    }
    STANDARD.decode(patch).map(Some).map_err(|error| error.to_string())
}

/// The refusal of a webhook as clients are told.
pub(super) fn refusal(webhook: &str, status: Json) -> Status {
    let code = status.get("code").and_then(Json::as_u64).unwrap_or_default();
    let code = u16::try_from(code).ok().filter(|code| (400..600).contains(code)).unwrap_or(400);
    let text =
        |field: &str| status.get(field).and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut refused = match &status {
        Json::Object(map) => Status::from_object(&Object::from(map.clone()), code),
        _ => Status::new(code, "", ""),
    };
    refused.code = code;
    let denied = format!("admission webhook {webhook:?} denied the request");
    refused.message = match (text("message").as_str(), text("reason").as_str()) {
        ("", "") => format!("{denied} without explanation"),
        ("", reason) => format!("{denied}: {reason}"),
        (message, _) => format!("{denied}: {message}"),
    };
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: Json, mutating: bool) -> Result<Answer, String> {
        let review = Review { uid: "u".into(), request: Json::Null };
        Answer::read(answer.to_string().as_bytes(), &review, "v1", mutating)
    }

    fn answer(response: Json) -> Json {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }

    #[test]
    fn an_answer_must_be_one_to_the_question() {
        let rows = [
            (json!({}), "webhook response was absent"),
            (
                json!({"response": {"uid": "u"}}),
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got , Kind=",
            ),
            (answer(json!({"uid": "v"})), "expected response.uid=\"u\", got \"v\""),
            (
                answer(json!({"uid": "u", "patch": "e30="})),
                "webhook returned response.patch but not response.patchType",
            ),
            (
                answer(json!({"uid": "u", "patch": "e30=", "patchType": "X"})),
                "webhook returned invalid response.patchType of \"X\"",
            ),
        ];
        for (text, wanted) in rows {
            assert_eq!(read(text, true).unwrap_err(), wanted);
        }
        let patch = STANDARD.encode("[]");
        let good = json!({"uid": "u", "allowed": true, "patch": patch, "patchType": "JSONPatch"});
        assert_eq!(read(answer(good.clone()), true).unwrap().patch.unwrap(), b"[]");
        assert!(read(answer(good), false).unwrap().patch.is_none());
    }

    #[test]
    fn a_refusal_has_a_code_and_words() {
        let rows = [
            (Json::Null, 400, "admission webhook \"w\" denied the request without explanation"),
            (json!({"reason": "Nope"}), 400, "admission webhook \"w\" denied the request: Nope"),
            (
                json!({"code": 403, "message": "no"}),
                403,
                "admission webhook \"w\" denied the request: no",
            ),
            (
                json!({"code": 200, "message": "no"}),
                400,
                "admission webhook \"w\" denied the request: no",
            ),
        ];
        for (status, code, message) in rows {
            let refused = refusal("w", status);
            assert_eq!((refused.code, refused.message.as_str()), (code, message));
        }
    }
}
