//! Who makes a request: by its credentials, and as whom it then acts.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, header};
use orchestrator_core::{Status, UserInfo};
use orchestrator_wire::certificate::ClientChain;
use orchestrator_wire::session;

use super::path::Route;
use super::query::Query;
use super::request;
use super::service::Shared;
use crate::authn::{Credentials, Purpose, impersonate, is_asked_for};
use crate::authz::{ResourceTarget, Target};

/// The user that a connection's client certificate names, as an extension of its requests.
#[derive(Clone, Debug)]
pub(crate) struct PeerUser(pub(crate) Arc<UserInfo>);

/// The user on whose behalf the request is made; `inside` is the one of a caller in the same
/// process, who needs no credentials.
///
/// # Errors
/// 401 for credentials that nobody knows; 403 for one who may not act as somebody else.
pub(super) async fn user(
    shared: &Shared,
    inside: Option<&UserInfo>,
    parts: &Parts,
) -> Result<UserInfo, Status> {
    let bearer = bearer(&parts.headers);
    let certificate = parts.extensions.get::<PeerUser>().map(|peer| &*peer.0);
    let caller = match (inside, bearer.as_deref(), certificate) {
        (Some(user), None, None) => user.clone(),
        (_, bearer, certificate) => {
            let chain = parts.extensions.get::<ClientChain>().map(|chain| &*chain.0);
            let headers = Some(&parts.headers);
            let credentials = Credentials { bearer, certificate, chain, headers };
            shared.authenticators.authenticate(credentials).await?
        }
    };
    match is_asked_for(&parts.headers) {
        true => impersonated(shared, caller, parts).await,
        false => Ok(caller),
    }
}

/// Whom the caller acts as, where it may for this request.
async fn impersonated(
    shared: &Shared,
    caller: UserInfo,
    parts: &Parts,
) -> Result<UserInfo, Status> {
    let authorizer = &**shared.server.authorizer();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    if let Ok(Route::Resource(path)) = Route::parse(parts.uri.path())
        && let Ok(verb) = request::verb(&parts.method, &path, &query)
    {
        let target = Target::Resource(ResourceTarget {
            group: &path.resource.group,
            version: &path.resource.version,
            resource: &path.resource.resource,
            subresource: &path.subresource,
            namespace: &path.namespace,
            name: &path.name,
            fields: &[],
        });
        let purpose = Purpose { verb: request::word(verb, &parts.method), target };
        return impersonate(authorizer, caller, &parts.headers, purpose).await;
    }
    let verb = parts.method.as_str().to_ascii_lowercase();
    let purpose = Purpose { verb: &verb, target: Target::Path(parts.uri.path()) };
    impersonate(authorizer, caller, &parts.headers, purpose).await
}

/// The bearer token of a request: in the usual header, or, since browsers cannot set that for a
/// WebSocket, as a subprotocol.
fn bearer(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let value = value.to_str().unwrap_or_default();
        if value.is_empty() {
            return None;
        }
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        // Another scheme is a credential too, one that nobody knows.
        return Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" }.into());
    }
    session::bearer_subprotocol(headers)
}
