//! `SubjectAccessReview` and its kin: whether somebody may do something.

use std::collections::BTreeMap;

use orchestrator_core::field::{FieldError, FieldErrorKind, FieldErrors, Path};
use orchestrator_core::object::Object;
use orchestrator_core::request::Body;
use orchestrator_core::resource::GroupKind;
use orchestrator_core::selector::FieldRequirement;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, Status, UserInfo};
use serde_json::json;

use super::selector;
use crate::authz::{Attributes, Decision, ResourceTarget, Target};
use crate::pipeline::Cx;
use crate::rest::{body, metadata, options};

/// Whom a review is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The user that it names.
    Anybody,
    /// The user that it names, in its own namespace.
    Local,
    /// The caller.
    Myself,
}

/// Answers with the authorizer's decision.
pub(super) async fn answer(cx: &Cx<'_>, body: Body, of: Of) -> Result<ResponseBody, Status> {
    options::check_create(&cx.request.options)?;
    let mut review = body::read(cx, body, &cx.resource.def.gvk())?;
    metadata::place(cx, &mut review)?;
    let errors = check(&review, of);
    if !errors.is_empty() {
        let kind = GroupKind::new("authorization.k8s.io", "");
        return Err(Status::invalid(&kind, "", &errors));
    }
    let user = match of {
        Of::Myself => cx.request.user.clone(),
        _ => user(&review),
    };
    let fields = selector::fields(&review);
    let asked = attributes(&review, &user, &fields);
    let decision = cx.server.authorizer.authorize(asked).await;
    let mut status = json!({"allowed": decision.is_allowed()});
    if let Decision::Deny(_) = decision {
        status["denied"] = Json::Bool(true);
    }
    if !decision.reason().is_empty() {
        status["reason"] = Json::from(decision.reason());
    }
    review.set("status", status);
    Ok(ResponseBody::plain(201, review))
}

fn attributes<'r>(
    review: &'r Object,
    user: &'r UserInfo,
    fields: &'r [FieldRequirement],
) -> Attributes<'r> {
    let text = |part: &str, name: &str| review.text_at(&["spec", part, name]);
    if review.at(&["spec", "nonResourceAttributes"]).is_some_and(Json::is_object) {
        let part = "nonResourceAttributes";
        return Attributes {
            user,
            verb: text(part, "verb"),
            target: Target::Path(text(part, "path")),
        };
    }
    let part = "resourceAttributes";
    let target = ResourceTarget {
        group: text(part, "group"),
        version: text(part, "version"),
        resource: text(part, "resource"),
        subresource: text(part, "subresource"),
        namespace: text(part, "namespace"),
        name: text(part, "name"),
        fields,
    };
    Attributes { user, verb: text(part, "verb"), target: Target::Resource(target) }
}

fn user(review: &Object) -> UserInfo {
    let texts = |list: Option<&Json>| -> Vec<String> {
        let list = list.and_then(Json::as_array);
        list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let extra = review.at(&["spec", "extra"]).and_then(Json::as_object);
    let extra: BTreeMap<String, Vec<String>> = extra
        .into_iter()
        .flatten()
        .map(|(key, values)| (key.to_lowercase(), texts(Some(values))))
        .collect();
    UserInfo {
        name: review.text_at(&["spec", "user"]).to_owned(),
        uid: review.text_at(&["spec", "uid"]).to_owned(),
        groups: texts(review.at(&["spec", "groups"])),
        extra,
    }
}

/// What is wrong with the question.
fn check(review: &Object, of: Of) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let spec = Path::new("spec");
    let about = |name: &str| review.at(&["spec", name]).filter(|part| part.is_object());
    let path = about("nonResourceAttributes");
    let resource = about("resourceAttributes");
    if let Some(path) = path
        && (resource.is_some() || of == Of::Local)
    {
        let why = match of {
            Of::Local if resource.is_none() => "disallowed on this kind of request",
            _ => "cannot be specified in combination with resourceAttributes",
        };
        let text = |name: &str| path.get(name).and_then(Json::as_str).unwrap_or_default();
        // Shown as the server's own type prints, with the names of its fields.
        let shown = format!("{{\"Path\":{:?},\"Verb\":{:?}}}", text("path"), text("verb"));
        errors.push(FieldError {
            kind: FieldErrorKind::Invalid,
            field: spec.child("nonResourceAttributes").to_string(),
            message: format!("Invalid value: {shown}: {why}"),
        });
    }
    if path.is_none() && resource.is_none() {
        let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        let path = spec.child("resourceAttributes");
        errors.push(FieldError::invalid(&path, &Json::Null, why));
    }
    if of != Of::Myself && !names_somebody(review) {
        let why = "at least one of user or group must be specified";
        errors.push(FieldError::invalid(&spec.child("user"), &Json::from(""), why));
    }
    if let Some(resource) = resource {
        selector::check(resource, &spec.child("resourceAttributes"), &mut errors);
    }
    let asked = review.text_at(&["spec", "resourceAttributes", "namespace"]);
    if of == Of::Local && resource.is_some() && asked != review.namespace() {
        let attributes = spec.child("resourceAttributes");
        let path = attributes.child("namespace");
        errors.push(FieldError::invalid(
            &path,
            &Json::from(asked),
            "must match metadata.namespace",
        ));
    }
    errors
}

fn names_somebody(review: &Object) -> bool {
    let groups = review.at(&["spec", "groups"]).and_then(Json::as_array);
    !review.text_at(&["spec", "user"]).is_empty() || groups.is_some_and(|groups| !groups.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(spec: Json, of: Of) -> Vec<String> {
        let review = json!({"metadata": {"namespace": "n"}, "spec": spec});
        let review: Object = serde_json::from_value(review).unwrap();
        check(&review, of).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_question_names_one_user_and_one_thing() {
        let pods = json!({"resource": "pods", "namespace": "n"});
        let good = json!({"user": "u", "resourceAttributes": pods});
        assert!(refused(good.clone(), Of::Anybody).is_empty());
        assert!(refused(good, Of::Local).is_empty());
        assert!(refused(json!({"resourceAttributes": pods}), Of::Myself).is_empty());
        assert_eq!(refused(json!({}), Of::Anybody).len(), 2);
        let both = json!({"user": "u", "resourceAttributes": pods,
            "nonResourceAttributes": {"path": "/", "verb": "get"}});
        assert_eq!(
            refused(both, Of::Anybody),
            [concat!(
                "spec.nonResourceAttributes: Invalid value: {\"Path\":\"/\",\"Verb\":\"get\"}: ",
                "cannot be specified in combination with resourceAttributes"
            )]
        );
        let other = json!({"user": "u", "resourceAttributes": {"namespace": "x"}});
        assert!(refused(other, Of::Local)[0].ends_with("must match metadata.namespace"));
    }
}
