//! What the variables of an expression stand for.

use std::rc::Rc;

use orchestrator_cel::{Fields, Map, Question, Shape, Value};
use orchestrator_core::object::Object;
use orchestrator_core::{Json, Status};
use orchestrator_kinds::kinds::admissionregistration::expressions::{namespace_type, request_type};
use serde_json::json;

use crate::admission::AdmissionRequest;
use crate::admission::matching::Subject;

/// A request as expressions see it.
#[derive(Debug)]
pub(crate) struct Scene<'s> {
    subject: &'s Subject<'s>,
    request: Json,
    namespace: Json,
    question: Question,
}

impl<'s> Scene<'s> {
    /// The request as `subject`.
    ///
    /// # Errors
    /// The namespace cannot be read.
    pub(crate) async fn new(
        request: &AdmissionRequest<'_>,
        subject: &'s Subject<'s>,
    ) -> Result<Self, Status> {
        let namespace = match request.resource.def.is_namespaced() {
            true => request.namespace_object().await?,
            false => None,
        };
        let namespace = match namespace {
            Some(item) => visible(item.tree().map_err(Status::internal)?),
            None => Json::Null,
        };
        let question = Question {
            group: subject.resource.group.to_string(),
            resource: subject.resource.resource.to_string(),
            subresource: request.subresource.to_owned(),
            namespace: request.namespace.to_owned(),
            name: request.known_name().to_owned(),
            ..Question::default()
        };
        Ok(Self { subject, request: subject.describe(request), namespace, question })
    }

    /// What the request is told to be.
    pub(crate) fn request(&self) -> &Json {
        &self.request
    }

    /// The variables, with a parameter and with those that a policy defines, where there are any.
    pub(crate) fn variables<'a>(
        &'a self,
        object: Option<&'a Object>,
        params: Option<&'a Object>,
        variables: Option<Rc<dyn Fields<'a> + 'a>>,
    ) -> Vec<(&'static str, Value<'a>)> {
        let own = self.subject.object.as_deref();
        let typed = |json, ty| Value::typed(json, ty).unwrap_or(Value::Null);
        let mut all = vec![
            ("object", tree(object.or(own))),
            ("oldObject", tree(self.subject.old.as_deref())),
            ("request", typed(&self.request, request_type())),
            ("namespaceObject", typed(&self.namespace, namespace_type())),
            ("params", tree(params)),
            ("authorizer", Value::authorizer()),
            ("authorizer.requestResource", Value::resource_check(self.question.clone())),
        ];
        if let Some(variables) = variables {
            all.push(("variables", Value::Record(variables)));
        }
        all
    }
}

fn tree<'a>(object: Option<&'a Object>) -> Value<'a> {
    match object {
        Some(object) => Value::Map(Map::Tree(object.as_map(), Shape::Any)),
        None => Value::Null,
    }
}

/// What of a namespace expressions see.
fn visible(namespace: &Object) -> Json {
    let mut meta = json!({});
    for name in [
        "name",
        "generateName",
        "labels",
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "resourceVersion",
        "finalizers",
    ] {
        if let Some(value) = namespace.meta(name) {
            meta[name] = value.clone();
        }
    }
    meta["UID"] = Json::from(namespace.uid());
    let part = |name: &str| namespace.get(name).cloned().unwrap_or_else(|| json!({}));
    json!({"metadata": meta, "spec": part("spec"), "status": part("status")})
}
