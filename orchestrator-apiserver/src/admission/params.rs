//! The parameters with which a binding uses a policy.

use std::sync::Arc;

use orchestrator_core::object::Object;
use orchestrator_core::resource::split_api_version;
use orchestrator_core::selector::LabelSelector;
use orchestrator_core::{Json, Status};

use super::AdmissionRequest;
use crate::registry::Resource;

/// The kind of the parameters of a policy.
#[derive(Debug)]
pub(crate) struct ParamKind {
    api_version: String,
    kind: String,
}

/// Which objects of that kind a binding takes.
#[derive(Debug)]
pub(crate) struct ParamRef {
    name: String,
    namespace: String,
    selector: Option<LabelSelector>,
    denies_none: bool,
}

fn text(of: &Json, field: &str) -> String {
    of.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
}

impl ParamKind {
    pub(crate) fn read(kind: Option<&Json>) -> Option<Self> {
        let kind = kind.filter(|kind| !kind.is_null())?;
        Some(Self { api_version: text(kind, "apiVersion"), kind: text(kind, "kind") })
    }

    fn resource(&self, request: &AdmissionRequest<'_>) -> Option<Arc<Resource>> {
        let (group, version) = split_api_version(&self.api_version);
        request.objects.by_kind(group, version, &self.kind)
    }
}

impl ParamRef {
    pub(crate) fn read(reference: Option<&Json>) -> Option<Self> {
        let reference = reference.filter(|reference| !reference.is_null())?;
        let selector = reference.get("selector").filter(|selector| !selector.is_null());
        Some(Self {
            name: text(reference, "name"),
            namespace: text(reference, "namespace"),
            selector: selector.map(|selector| {
                LabelSelector::from_json(Some(selector))
                    .unwrap_or_else(|_| LabelSelector::nothing())
            }),
            denies_none: text(reference, "parameterNotFoundAction") == "Deny",
        })
    }
}

/// What a policy is used with: once for each. `None` stands for no parameter.
pub(crate) type Params = Vec<Option<Arc<Object>>>;

/// The parameters of a request.
///
/// # Errors
/// Why the binding cannot be used, as clients are told; the outer error is the store's.
pub(crate) async fn collect(
    kind: Option<&ParamKind>,
    reference: Option<&ParamRef>,
    request: &AdmissionRequest<'_>,
) -> Result<Result<Params, String>, Status> {
    let (Some(kind), Some(reference)) = (kind, reference) else { return Ok(Ok(vec![None])) };
    let Some(resource) = kind.resource(request) else {
        let ParamKind { api_version, kind } = kind;
        let known = format!("&ParamKind{{APIVersion:{api_version},Kind:{kind},}}");
        return Ok(Err(format!("paramKind kind `{known}` not known")));
    };
    let namespace = match (resource.def.is_namespaced(), reference.namespace.as_str()) {
        (true, "") if request.namespace.is_empty() => {
            let why = "cannot use namespaced paramRef in policy binding that matches \
                       cluster-scoped resources";
            return Ok(Err(why.into()));
        }
        (true, "") => request.namespace,
        (true, namespace) => namespace,
        (false, "") => "",
        (false, _) => {
            let why = "paramRef.namespace must not be provided for a cluster-scoped `paramKind`";
            return Ok(Err(why.into()));
        }
    };
    let found = find(&resource, reference, namespace, request).await?;
    if found.is_empty() && reference.denies_none {
        let why = "no params found for policy binding with `Deny` parameterNotFoundAction";
        return Ok(Err(why.into()));
    }
    Ok(Ok(found))
}

async fn find(
    resource: &Resource,
    reference: &ParamRef,
    namespace: &str,
    request: &AdmissionRequest<'_>,
) -> Result<Params, Status> {
    let gvr = &resource.def.gvr;
    let Some(selector) = &reference.selector else {
        let found = request.objects.get(gvr, namespace, &reference.name).await?;
        let found = found.map(|item| item.tree().cloned().map_err(Status::internal)).transpose()?;
        return Ok(found.into_iter().map(Some).collect());
    };
    let mut selected = Params::new();
    for item in request.objects.list(gvr, namespace).await? {
        let tree = item.tree().map_err(Status::internal)?;
        if selector.matches_json(tree.labels()) {
            selected.push(Some(Arc::clone(tree)));
        }
    }
    Ok(selected)
}
