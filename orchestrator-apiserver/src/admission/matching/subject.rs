//! A request as a rule sees it.

use std::borrow::Cow;

use orchestrator_core::object::Object;
use orchestrator_core::resource::GroupVersionKind;
use orchestrator_core::value::Item;
use orchestrator_core::{GroupVersionResource, Json, Revision, Status};
use serde_json::json;

use super::{operation_word, scale};
use crate::admission::{AdmissionRequest, Operation};
use crate::registry::Resource;

/// A request in the version that a rule asked for.
#[derive(Debug)]
pub(crate) struct Subject<'r> {
    /// The resource of that version.
    pub(crate) resource: GroupVersionResource,
    /// The kind of the object, or of the body of a part.
    pub(crate) kind: GroupVersionKind,
    /// The object; `None` for a deletion.
    pub(crate) object: Option<Cow<'r, Object>>,
    /// The object as it was.
    pub(crate) old: Option<Cow<'r, Object>>,
    /// The kind in the version of the request.
    pub(crate) request_kind: GroupVersionKind,
}

/// The other versions of the resource of a request.
pub(super) fn equivalents(request: &AdmissionRequest<'_>) -> Vec<GroupVersionResource> {
    let own = &request.resource.def;
    let defs = request.objects.definitions();
    let same = defs.iter().filter(|def| {
        def.storage.resource == own.storage.resource
            && def.gvr != own.gvr
            && (request.subresource.is_empty() || def.subresource(request.subresource).is_some())
    });
    same.map(|def| def.gvr.clone()).collect()
}

impl<'r> Subject<'r> {
    /// The request as one to `gvr`.
    pub(super) async fn new(
        request: &'r AdmissionRequest<'_>,
        gvr: &GroupVersionResource,
    ) -> Result<Self, Status> {
        let own = &request.resource.def;
        let request_kind = match own.subresource(request.subresource) {
            Some(part) => part.kind.clone(),
            None => own.gvk(),
        };
        let object = (request.operation != Operation::Delete).then_some(&request.object);
        if request.subresource == "scale" {
            // What is changed is the scale, whatever else the whole has.
            let view = |object: &Object| Cow::Owned(scale::view(request.resource, object));
            return Ok(Self {
                resource: gvr.clone(),
                kind: request_kind.clone(),
                object: object.map(view),
                old: request.old.map(view),
                request_kind,
            });
        }
        if *gvr == own.gvr {
            return Ok(Self {
                resource: gvr.clone(),
                kind: request_kind.clone(),
                object: object.map(Cow::Borrowed),
                old: request.old.map(Cow::Borrowed),
                request_kind,
            });
        }
        let wanted = request.objects.resource(gvr).ok_or_else(Status::no_such_resource)?;
        Ok(Self {
            resource: gvr.clone(),
            kind: wanted.def.gvk(),
            object: convert(request.resource, &wanted, object).await?.map(Cow::Owned),
            old: convert(request.resource, &wanted, request.old).await?.map(Cow::Owned),
            request_kind,
        })
    }

    /// What reviews and expressions are told about the request, besides its objects.
    pub(crate) fn describe(&self, request: &AdmissionRequest<'_>) -> Json {
        let kind = |kind: &GroupVersionKind| json!({"group": &*kind.group, "version": &*kind.version, "kind": &*kind.kind});
        let resource = |gvr: &GroupVersionResource| json!({"group": &*gvr.group, "version": &*gvr.version, "resource": &*gvr.resource});
        let mut told = json!({
            "kind": kind(&self.kind),
            "resource": resource(&self.resource),
            "requestKind": kind(&self.request_kind),
            "requestResource": resource(&request.resource.def.gvr),
            "operation": operation_word(request.operation),
            "userInfo": user(request),
            "dryRun": request.is_dry_run(),
            "options": options(request),
        });
        let namespace = match request.is_for("", "namespaces") {
            true => request.known_name(),
            false => request.namespace,
        };
        for (name, text) in [
            ("name", request.known_name()),
            ("namespace", namespace),
            ("subResource", request.subresource),
            ("requestSubResource", request.subresource),
        ] {
            if !text.is_empty() {
                told[name] = Json::from(text);
            }
        }
        told
    }
}

/// An object of one version in another.
async fn convert(
    from: &Resource,
    to: &Resource,
    object: Option<&Object>,
) -> Result<Option<Object>, Status> {
    let Some(object) = object else { return Ok(None) };
    let value = from.to_stored(object.clone(), None).await?;
    let item = to.present(Item::new(value, Revision::ZERO)).await?;
    let tree = item.tree().map_err(Status::internal)?;
    Ok(Some(Object::clone(tree)))
}

/// Takes over what a rule's version of the object became into the object of the request.
///
/// # Errors
/// The version cannot be expressed in that of the request.
pub(crate) async fn take_back(
    request: &mut AdmissionRequest<'_>,
    gvr: &GroupVersionResource,
    changed: Object,
) -> Result<(), Status> {
    if request.subresource == "scale" {
        scale::lay_over(request.resource, &changed, &mut request.object);
        return Ok(());
    }
    request.object = match *gvr == request.resource.def.gvr {
        true => changed,
        false => {
            let from = request.objects.resource(gvr).ok_or_else(Status::no_such_resource)?;
            convert(&from, request.resource, Some(&changed)).await?.unwrap_or_default()
        }
    };
    Ok(())
}

fn user(request: &AdmissionRequest<'_>) -> Json {
    let mut user = json!({"username": request.user.name, "groups": request.user.groups});
    if !request.user.uid.is_empty() {
        user["uid"] = Json::from(request.user.uid.as_str());
    }
    if !request.user.extra.is_empty() {
        user["extra"] = json!(request.user.extra);
    }
    user
}

fn options(request: &AdmissionRequest<'_>) -> Json {
    let given = request.options;
    let kind = match request.operation {
        Operation::Create => "CreateOptions",
        Operation::Update if given.force.is_some() => "PatchOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Connect => return Json::Null,
    };
    let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
    if !given.dry_run.is_empty() {
        options["dryRun"] = json!(given.dry_run);
    }
    for (name, text) in [
        ("fieldManager", &given.field_manager),
        ("fieldValidation", &given.field_validation),
        ("propagationPolicy", &given.propagation_policy),
    ] {
        if !text.is_empty() {
            options[name] = Json::from(text.as_str());
        }
    }
    if let Some(seconds) = given.grace_period_seconds {
        options["gracePeriodSeconds"] = Json::from(seconds);
    }
    options
}
