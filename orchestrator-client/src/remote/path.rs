//! Requests as paths, queries and methods of HTTP.

use http::Method;
use orchestrator_core::request::{ApiRequest, Body, Options, PatchKind};
use orchestrator_core::{Status, Verb};

/// The path and query of a request.
pub(super) fn target(request: &ApiRequest) -> String {
    let mut path = match request.resource.group.is_empty() {
        true => format!("/api/{}", request.resource.version),
        false => format!("/apis/{}/{}", request.resource.group, request.resource.version),
    };
    if !request.namespace.is_empty() && request.resource.resource != "namespaces" {
        path.push_str("/namespaces/");
        escape(&request.namespace, &mut path);
    }
    path.push('/');
    path.push_str(&request.resource.resource);
    for part in [&request.name, &request.subresource] {
        if !part.is_empty() {
            path.push('/');
            escape(part, &mut path);
        }
    }
    let mut separator = '?';
    for (name, value) in query(request.verb, &request.options) {
        path.push(separator);
        path.push_str(&name);
        path.push('=');
        escape(&value, &mut path);
        separator = '&';
    }
    path
}

/// The method of a verb.
///
/// # Errors
/// 501 for a connection.
pub(super) fn method(verb: Verb) -> Result<Method, Status> {
    Ok(match verb {
        Verb::Get | Verb::List | Verb::Watch => Method::GET,
        Verb::Create => Method::POST,
        Verb::Update => Method::PUT,
        Verb::Patch => Method::PATCH,
        Verb::Delete | Verb::DeleteCollection => Method::DELETE,
        Verb::Connect => return Err(Status::not_implemented("connecting through a remote client")),
    })
}

/// The media type of a body.
pub(super) fn content_type(body: &Body) -> &'static str {
    use orchestrator_core::request::MediaType;
    match body {
        Body::Patch { kind: PatchKind::Json, .. } => "application/json-patch+json",
        Body::Patch { kind: PatchKind::Merge, .. } => "application/merge-patch+json",
        Body::Patch { kind: PatchKind::Strategic, .. } => "application/strategic-merge-patch+json",
        Body::Patch { kind: PatchKind::Apply, .. } => "application/apply-patch+yaml",
        Body::Bytes { media: MediaType::Yaml, .. } => "application/yaml",
        _ => "application/json",
    }
}

/// The options that are set, as query parameters; those of a deletion too, where it has no body.
fn query(verb: Verb, options: &Options) -> Vec<(String, String)> {
    let mut query = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.push((name.to_owned(), value));
        }
    };
    let flag = |set: bool| set.then(|| "true".to_owned());
    add("watch", flag(verb == Verb::Watch));
    add("labelSelector", Some(options.label_selector.clone()));
    add("fieldSelector", Some(options.field_selector.clone()));
    add("limit", (options.limit > 0).then(|| options.limit.to_string()));
    add("continue", Some(options.continue_token.clone()));
    add("resourceVersion", Some(options.resource_version.clone()));
    add("resourceVersionMatch", Some(options.resource_version_match.clone()));
    add("timeoutSeconds", options.timeout.map(|timeout| timeout.as_secs().to_string()));
    add("allowWatchBookmarks", flag(options.allow_watch_bookmarks));
    add("sendInitialEvents", options.send_initial_events.map(|set| set.to_string()));
    for value in &options.dry_run {
        add("dryRun", Some(value.clone()));
    }
    add("fieldManager", Some(options.field_manager.clone()));
    add("fieldValidation", Some(options.field_validation.clone()));
    add("force", options.force.map(|force| force.to_string()));
    for (name, value) in &options.rest {
        add(name, Some(value.clone()));
    }
    query
}

/// Appends `text`, percent-encoded where a URL asks for it.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::{GroupVersionResource, ObjectKey, UserInfo};

    #[test]
    fn requests_become_the_paths_of_the_protocol() {
        let pods = GroupVersionResource::new("", "v1", "pods");
        let user = UserInfo::default();
        let mut watch = ApiRequest::new(Verb::Watch, pods.clone(), user.clone());
        watch.options.field_selector = "spec.nodeName=a b".into();
        assert_eq!(target(&watch), "/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Da%20b");
        let bind = ApiRequest::new(Verb::Create, pods, user.clone())
            .object(&ObjectKey::new("n", "a"))
            .subresource("binding");
        assert_eq!(target(&bind), "/api/v1/namespaces/n/pods/a/binding");
        let apps = GroupVersionResource::new("apps", "v1", "deployments");
        assert_eq!(target(&ApiRequest::new(Verb::List, apps, user)), "/apis/apps/v1/deployments");
    }
}
