//! `serviceaccounts/token`, and the trait of those who issue and know tokens.

use std::fmt;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use orchestrator_core::env::rfc3339;
use orchestrator_core::field::{FieldError, Path};
use orchestrator_core::object::Object;
use orchestrator_core::request::Body;
use orchestrator_core::resource::{GroupKind, GroupVersionKind, split_api_version};
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{GroupVersionResource, Json, Status, UserInfo};
use serde_json::json;

use crate::pipeline::Cx;
use crate::rest::{body, options};

/// How long a token is valid where the request does not say, in seconds.
const USUAL_EXPIRATION_S: i64 = 3600;

/// The shortest time for which a token can be had, in seconds.
const MIN_EXPIRATION_S: i64 = 600;

/// The longest time for which a token can be had, in seconds.
const MAX_EXPIRATION_S: i64 = 1 << 32;

/// For how long nodes ask for the tokens of pods, in seconds: those are given for longer, so that
/// programs that read their token only once go on.
const POD_EXPIRATION_S: i64 = 3607;

/// For how long such tokens are valid, in seconds: a year.
const EXTENDED_EXPIRATION_S: i64 = 365 * 24 * 3600;

/// What a token shall say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenSpec {
    /// The namespace of the service account.
    pub namespace: String,
    /// The name of the service account.
    pub service_account: String,
    /// The uid of the service account.
    pub service_account_uid: String,
    /// For whom the token is meant; empty for the server's own audience.
    pub audiences: Vec<String>,
    /// How long it is valid, in seconds.
    pub expiration_s: i64,
    /// After how many seconds the holder should fetch another, where the token is valid for longer
    /// than it was asked to be.
    pub warn_after_s: Option<i64>,
    /// The object that the token ends with.
    pub bound: Option<BoundObject>,
    /// The node of the pod that the token is bound to, with its uid.
    pub node: Option<(String, String)>,
}

/// The object that a token ends with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundObject {
    /// `Pod`, `Secret` or `Node`.
    pub kind: String,
    /// Its version.
    pub api_version: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A token as issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token itself.
    pub token: String,
    /// When it ends.
    pub expires: Timestamp,
    /// For whom it is meant.
    pub audiences: Vec<String>,
}

/// Who a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The user.
    pub user: UserInfo,
    /// The audiences, of those asked for, that the token is meant for.
    pub audiences: Vec<String>,
}

/// Issues tokens for service accounts, and tells whom a token belongs to.
#[async_trait]
pub trait TokenIssuer: fmt::Debug + Send + Sync + 'static {
    /// Issues a token.
    ///
    /// # Errors
    /// 500 where it cannot be signed.
    async fn issue(&self, spec: &TokenSpec) -> Result<IssuedToken, Status>;

    /// Tells whom `token` belongs to, for any of `audiences` (none: the server's own).
    ///
    /// # Errors
    /// 401 where the token is not valid.
    async fn review(&self, token: &str, audiences: &[String]) -> Result<TokenIdentity, Status>;
}

/// Issues a token for the service account that the request names.
pub(crate) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    options::check_create(&cx.request.options)?;
    let kind = GroupVersionKind::new("authentication.k8s.io", "v1", "TokenRequest");
    let mut request = body::read(cx, body, &kind)?;
    let expiration_s = request.int_at(&["spec", "expirationSeconds"]).unwrap_or(USUAL_EXPIRATION_S);
    let account = cx.server.objects.read(cx.key()).await?.ok_or_else(|| cx.not_found())?;
    check_expiration(expiration_s)?;
    let (bound, node) = bound(cx, &request).await?;
    let audiences = request.at(&["spec", "audiences"]).and_then(Json::as_array);
    let for_pod = bound.as_ref().is_some_and(|bound| bound.kind == "Pod");
    let extended =
        for_pod && expiration_s == POD_EXPIRATION_S && audiences.is_none_or(Vec::is_empty);
    let spec = TokenSpec {
        namespace: cx.request.namespace.clone(),
        service_account: cx.request.name.clone(),
        service_account_uid: account.tree()?.uid().to_owned(),
        audiences: texts(audiences),
        expiration_s: if extended { EXTENDED_EXPIRATION_S } else { expiration_s },
        warn_after_s: extended.then_some(expiration_s),
        bound,
        node,
    };
    let Some(tokens) = &cx.server.tokens else {
        return Err(Status::not_implemented("serviceaccounts/token"));
    };
    let issued = tokens.issue(&spec).await?;
    request.set_meta("name", cx.request.name.as_str());
    request.set_meta("namespace", cx.request.namespace.as_str());
    request.set_meta("creationTimestamp", cx.server.env.now_rfc3339());
    let spec = request.map_mut("spec");
    spec.insert("audiences".into(), Json::from(issued.audiences));
    spec.insert("expirationSeconds".into(), Json::from(expiration_s));
    spec.entry("boundObjectRef").or_insert(Json::Null);
    let expires = match extended {
        true => cx.server.env.now().saturating_add(SignedDuration::from_secs(expiration_s)),
        false => Ok(issued.expires),
    };
    let expires = rfc3339(expires.map_err(Status::internal)?);
    request.set("status", json!({"token": issued.token, "expirationTimestamp": expires}));
    Ok(ResponseBody::plain(201, request))
}

fn texts(list: Option<&Vec<Json>>) -> Vec<String> {
    list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn check_expiration(seconds: i64) -> Result<(), Status> {
    let why = match seconds {
        ..MIN_EXPIRATION_S => "may not specify a duration less than 10 minutes",
        MIN_EXPIRATION_S..=MAX_EXPIRATION_S => return Ok(()),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let spec = Path::new("spec");
    let path = spec.child("expirationSeconds");
    let error = FieldError::invalid(&path, &Json::from(seconds), why);
    let kind = GroupKind::new("authentication.k8s.io", "TokenRequest");
    Err(Status::invalid(&kind, "", &vec![error]))
}

/// The object that the token ends with, and the node of the pod where it is one.
async fn bound(
    cx: &Cx<'_>,
    request: &Object,
) -> Result<(Option<BoundObject>, Option<(String, String)>), Status> {
    let Some(reference) = request.at(&["spec", "boundObjectRef"]).filter(|r| r.is_object()) else {
        return Ok((None, None));
    };
    let text = |name: &str| reference.get(name).and_then(Json::as_str).unwrap_or_default();
    let (kind, api_version, name) = (text("kind"), text("apiVersion"), text("name"));
    let (plural, namespace) = match (api_version, kind) {
        ("v1", "Pod") => ("pods", cx.request.namespace.as_str()),
        ("v1", "Secret") => ("secrets", cx.request.namespace.as_str()),
        ("v1", "Node") => ("nodes", ""),
        _ => {
            let (group, version) = split_api_version(api_version);
            return Err(Status::bad_request(format!(
                "cannot bind token to object of type {group}/{version}, Kind={kind}"
            )));
        }
    };
    let gvr = GroupVersionResource::new("", "v1", plural);
    let found = cx.server.objects.get(&gvr, namespace, name).await?;
    let found = found.ok_or_else(|| Status::not_found(&gvr.group_resource(), name))?;
    let tree = found.tree().map_err(Status::internal)?;
    let wanted = text("uid");
    if !wanted.is_empty() && wanted != tree.uid() {
        let why = format!(
            "the UID in the bound object reference ({wanted}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(&gvr.group_resource(), name, why));
    }
    let node = match (kind, tree.text_at(&["spec", "nodeName"])) {
        ("Pod", name) if !name.is_empty() => {
            let gvr = GroupVersionResource::new("", "v1", "nodes");
            let node = cx.server.objects.get(&gvr, "", name).await?;
            let uid = node.and_then(|node| Some(node.tree().ok()?.uid().to_owned()));
            Some((name.to_owned(), uid.unwrap_or_default()))
        }
        _ => None,
    };
    let bound = BoundObject {
        kind: kind.to_owned(),
        api_version: api_version.to_owned(),
        name: name.to_owned(),
        uid: tree.uid().to_owned(),
    };
    Ok((Some(bound), node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn TokenIssuer) {}
}
