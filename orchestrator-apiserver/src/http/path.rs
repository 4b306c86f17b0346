//! Paths as data: one parser for every resource path of the API.
//!
//! `/api/{version}/...` and `/apis/{group}/{version}/...` name resources; all else (discovery,
//! health, OpenAPI) is left to the routes of [`super::service`]. The parser knows no kinds: which
//! of them exist is the registry's to say, after the caller was allowed to ask.

use std::borrow::Cow;

use orchestrator_core::{GroupVersionResource, Status};
use orchestrator_wire::percent;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To a resource.
    Resource(ResourcePath),
    /// Elsewhere; the segments, decoded, without empty ones at both ends.
    Other(Vec<String>),
}

/// What a resource path names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourcePath {
    /// The resource.
    pub resource: GroupVersionResource,
    /// The namespace; empty where the path names none.
    pub namespace: String,
    /// The object; empty for the collection.
    pub name: String,
    /// The part of the object; empty for the whole.
    pub subresource: String,
    /// What follows the subresource, as of a proxied path; begins with a slash or is empty.
    pub rest: String,
    /// Whether the path has the old `/watch/` prefix.
    pub watch: bool,
}

/// The parts of a namespace with a path of their own: the same place in a path otherwise names a
/// namespaced resource.
const NAMESPACE_SUBRESOURCES: [&str; 2] = ["status", "finalize"];

/// The most segments of a path; a proxied path is the only one that can have more than eight.
const MAX_SEGMENTS: usize = 256;

impl Route {
    /// Reads the path of a request's URI.
    ///
    /// # Errors
    /// 400 where a segment is not UTF-8 or is badly escaped; 404 where one in the middle is empty
    /// or holds an escaped slash, since no object can have such a name.
    pub fn parse(path: &str) -> Result<Self, Status> {
        let mut segments = Vec::new();
        for raw in path.trim_matches('/').split('/') {
            let Some(segment) = percent::decode(raw, percent::Plus::Keep) else {
                return Err(Status::bad_request(format!(
                    "invalid URL escape in path segment {raw:?}"
                )));
            };
            segments.push(segment);
            if segments.len() > MAX_SEGMENTS {
                return Err(Status::no_such_resource());
            }
        }
        if segments.len() == 1 && segments[0].is_empty() {
            segments.clear();
        }
        let (group, version, rest) = match segments.as_slice() {
            [api, version, rest @ ..] if api == "api" && !rest.is_empty() => ("", version, rest),
            [apis, group, version, rest @ ..] if apis == "apis" && !rest.is_empty() => {
                (&**group, version, rest)
            }
            _ => return Ok(Self::Other(segments.into_iter().map(Cow::into_owned).collect())),
        };
        let (mut path, behind) = resource_path(rest);
        // What is behind a proxy has rules of its own.
        let own = match &*path.subresource {
            "proxy" => rest.len() - behind,
            _ => rest.len(),
        };
        if rest[..own].iter().any(|segment| segment.is_empty() || segment.contains(['/', '\0'])) {
            return Err(Status::no_such_resource());
        }
        path.resource.group = group.to_owned().into();
        path.resource.version = version.clone().into_owned().into();
        Ok(Self::Resource(path))
    }
}

/// Reads what follows the version, which is not empty; how many segments are behind all that has a
/// name of its own.
fn resource_path(rest: &[Cow<'_, str>]) -> (ResourcePath, usize) {
    let (watch, rest) = match rest {
        [first, after @ ..] if first == "watch" && !after.is_empty() => (true, after),
        _ => (false, rest),
    };
    let mut path = ResourcePath { watch, ..ResourcePath::default() };
    let rest = match rest {
        [namespaces, namespace, resource, after @ ..]
            if namespaces == "namespaces" && !NAMESPACE_SUBRESOURCES.contains(&&**resource) =>
        {
            path.namespace = namespace.clone().into_owned();
            path.resource.resource = resource.clone().into_owned().into();
            after
        }
        [resource, after @ ..] => {
            path.resource.resource = resource.clone().into_owned().into();
            after
        }
        [] => rest,
    };
    let mut parts = rest.iter().map(|part| part.clone().into_owned());
    path.name = parts.next().unwrap_or_default();
    path.subresource = parts.next().unwrap_or_default();
    let behind = parts.len();
    path.rest = parts.fold(String::new(), |rest, part| rest + "/" + &part);
    (path, behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resource(path: &str) -> String {
        match Route::parse(path) {
            Ok(Route::Resource(p)) => format!(
                "{} ns={} name={} sub={} rest={}{}",
                p.resource,
                p.namespace,
                p.name,
                p.subresource,
                p.rest,
                if p.watch { " watch" } else { "" }
            ),
            Ok(Route::Other(segments)) => format!("other {segments:?}"),
            Err(status) => format!("{} {}", status.code, status.message),
        }
    }

    #[test]
    fn a_path_names_group_version_namespace_object_and_part() {
        let cases = [
            ("/api/v1/pods", "v1/pods ns= name= sub= rest="),
            ("/api/v1/pods/", "v1/pods ns= name= sub= rest="),
            ("/api/v1/nodes/a/status", "v1/nodes ns= name=a sub=status rest="),
            ("/api/v1/namespaces", "v1/namespaces ns= name= sub= rest="),
            ("/api/v1/namespaces/a", "v1/namespaces ns= name=a sub= rest="),
            ("/api/v1/namespaces/a/finalize", "v1/namespaces ns= name=a sub=finalize rest="),
            ("/api/v1/namespaces/a/pods/b/log", "v1/pods ns=a name=b sub=log rest="),
            ("/api/v1/namespaces/a/pods/b/proxy/x/y", "v1/pods ns=a name=b sub=proxy rest=/x/y"),
            ("/apis/apps/v1/namespaces/a/deployments", "apps/v1/deployments ns=a name= sub= rest="),
            ("/api/v1/watch/pods", "v1/pods ns= name= sub= rest= watch"),
            ("/api/v1/watch/namespaces/a/pods/b", "v1/pods ns=a name=b sub= rest= watch"),
            (
                "/api/v1/clusterroles/system%3Anode",
                "v1/clusterroles ns= name=system:node sub= rest=",
            ),
            ("/api/v1/pods/a+b", "v1/pods ns= name=a+b sub= rest="),
            ("/api/v1", "other [\"api\", \"v1\"]"),
            ("/apis/apps/v1", "other [\"apis\", \"apps\", \"v1\"]"),
            ("/", "other []"),
            ("/healthz/ping", "other [\"healthz\", \"ping\"]"),
        ];
        for (path, expected) in cases {
            assert_eq!(resource(path), expected, "{path}");
        }
    }

    #[test]
    fn broken_paths_are_refused() {
        let cases = ["/api/v1/pods/%zz", "/api/v1/pods/%ff", "/api/v1/pods/%"];
        for path in cases {
            assert!(resource(path).starts_with("400 "), "{path}");
        }
        for path in ["/api/v1/namespaces//pods", "/api/v1/pods/a%2Fb", "/api/v1/pods/%00"] {
            assert!(resource(path).starts_with("404 "), "{path}");
        }
        assert!(resource(&format!("/api/v1/{}", "a/".repeat(1000))).starts_with("404 "));
    }

    proptest! {
        #[test]
        fn any_path_is_read_or_refused(path in "\\PC{0,200}") {
            let _ = Route::parse(&path);
        }

        #[test]
        fn a_name_survives_escaping(name in "[a-z:.%+ ]{1,20}") {
            let escaped: String = name.bytes().map(|b| format!("%{b:02x}")).collect();
            let Ok(Route::Resource(path)) = Route::parse(&format!("/api/v1/nodes/{escaped}")) else {
                panic!("a resource path")
            };
            prop_assert_eq!(path.name, name);
        }
    }
}
