//! What a server somewhere else serves.

use http::{Method, Request, header};
use http_body_util::Full;
use orchestrator_core::resource::GroupVersionResource;
use orchestrator_core::{Env, Json, Object, Status, Verb};

use super::service::read;
use super::{ConfigError, RemoteConfig, RemoteService};

/// The form that lists all groups, versions and resources at once.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// A resource that a server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Group, version and plural.
    pub gvr: GroupVersionResource,
    /// The kind.
    pub kind: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// The verbs served.
    pub verbs: Vec<Verb>,
}

/// Why a server does not tell what it serves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The configuration cannot be used.
    #[error("cannot use the configuration")]
    Config(#[from] ConfigError),
    /// The server's answer.
    #[error("the server does not tell what it serves")]
    Server(#[from] Status),
}

/// Asks a server for all that it serves, preferred versions first.
///
/// # Errors
/// The server cannot be reached, or is older than 1.27 and does not know the aggregated form.
pub async fn discover(config: RemoteConfig, env: Env) -> Result<Vec<Discovered>, DiscoveryError> {
    let service = RemoteService::new(config, env)?;
    let mut found = Vec::new();
    for root in ["/api", "/apis"] {
        let document = service.document(root).await?;
        for group in list(document.get("items")) {
            for version in list(group.get("versions")) {
                let resources = list(version.get("resources"));
                found
                    .extend(resources.filter_map(|resource| resource_of(group, version, resource)));
            }
        }
    }
    Ok(found)
}

fn list(json: Option<&Json>) -> impl Iterator<Item = &Json> {
    json.and_then(Json::as_array).into_iter().flatten()
}

fn resource_of(group: &Json, version: &Json, resource: &Json) -> Option<Discovered> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let group = text(&group["metadata"]["name"]).unwrap_or_default();
    let words = list(resource.get("verbs")).filter_map(Json::as_str);
    Some(Discovered {
        gvr: GroupVersionResource::new(
            group,
            text(&version["version"])?,
            text(&resource["resource"])?,
        ),
        kind: text(&resource["responseKind"]["kind"])?,
        namespaced: resource["scope"] == "Namespaced",
        verbs: words.filter_map(verb).collect(),
    })
}

fn verb(word: &str) -> Option<Verb> {
    use orchestrator_core::ResourceDef;
    ResourceDef::ALL_VERBS.into_iter().find(|verb| verb.word() == word)
}

impl RemoteService {
    /// A document of the server's own, such as discovery.
    async fn document(&self, path: &str) -> Result<Object, Status> {
        let request = self
            .request(Method::GET, path)
            .header(header::ACCEPT, AGGREGATED)
            .body(Full::default())
            .map_err(|error: http::Error| Status::bad_request(error.to_string()))?;
        let (answer, _connection) = self.send(request).await?;
        let code = answer.status().as_u16();
        let object = read(answer.into_body()).await?;
        if code >= 400 { Err(Status::from_object(&object, code)) } else { Ok(object) }
    }

    /// A request with the credentials of the configuration.
    pub(super) fn request(&self, method: Method, target: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(self.connector.uri(target));
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_discovered_resource_keeps_its_names_and_known_verbs() {
        let group = json!({"metadata": {"name": "apps"}});
        let version = json!({"version": "v1"});
        let resource = json!({"resource": "deployments", "scope": "Namespaced",
            "responseKind": {"kind": "Deployment"}, "verbs": ["get", "list", "impersonate"]});
        let found = resource_of(&group, &version, &resource).unwrap();
        assert_eq!(found.gvr.to_string(), "apps/v1/deployments");
        assert_eq!((found.kind.as_str(), found.namespaced), ("Deployment", true));
        assert_eq!(found.verbs, [Verb::Get, Verb::List]);
    }
}
