//! A method and a resource path as an [`ApiRequest`].

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use orchestrator_core::request::{Body, Options};
use orchestrator_core::{ApiRequest, Status, UserInfo, Verb};

use super::media;
use super::path::ResourcePath;
use super::query::Query;
use crate::pipeline::STREAM_VERB;

/// The parts of objects that are streams: any method opens them.
const STREAMS: [&str; 4] = ["attach", "exec", "portforward", "proxy"];

/// The longest field manager; the API allows no longer one.
const MAX_MANAGER_BYTES: usize = 128;

/// What a method does to a resource path.
///
/// # Errors
/// 405 for a method that no resource has.
pub(crate) fn verb(method: &Method, path: &ResourcePath, query: &Query) -> Result<Verb, Status> {
    let named = !path.name.is_empty();
    if STREAMS.contains(&&*path.subresource) {
        return Ok(Verb::Connect);
    }
    Ok(match *method {
        Method::GET if path.watch => Verb::Watch,
        _ if path.watch => return Err(Status::method_not_allowed()),
        Method::GET if named => Verb::Get,
        Method::GET if query.flag("watch") => Verb::Watch,
        Method::GET => Verb::List,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE if named => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ => return Err(Status::method_not_allowed()),
    })
}

/// The verb that counts for rights: that of a stream depends on the method that opens it.
pub(crate) fn word(verb: Verb, method: &Method) -> &'static str {
    match (verb, method) {
        (Verb::Connect, &Method::GET | &Method::HEAD) => "get",
        (Verb::Connect, &Method::PUT) => "update",
        (Verb::Connect, &Method::PATCH) => "patch",
        (Verb::Connect, &Method::DELETE) => "delete",
        (Verb::Connect, &Method::POST) => "create",
        (Verb::Connect, _) => "",
        (verb, _) => verb.word(),
    }
}

/// Tells the request the verb that counts for rights.
pub(crate) fn told(mut request: ApiRequest, method: &Method) -> ApiRequest {
    let word = word(request.verb, method).to_owned();
    request.options.rest.insert(0, (STREAM_VERB.into(), word));
    request
}

/// Whether requests of a verb carry a body.
pub(crate) fn has_body(verb: Verb) -> bool {
    verb.writes()
}

/// The request that a path, a query and a body make.
///
/// # Errors
/// 400 where the query is broken; 415 for a body of an unknown type.
pub(crate) fn build(
    verb: Verb,
    path: ResourcePath,
    query: &Query,
    headers: &HeaderMap,
    bytes: Bytes,
    user: UserInfo,
) -> Result<ApiRequest, Status> {
    let mut options = query.options()?;
    let content_type = text(headers, header::CONTENT_TYPE);
    let body = match verb {
        Verb::Patch => media::patch(content_type, bytes)?,
        _ if bytes.is_empty() && !matches!(verb, Verb::Create | Verb::Update) => Body::None,
        _ => media::object(content_type, bytes)?,
    };
    let mut name = path.name;
    if path.watch && !name.is_empty() {
        select_name(&mut options, &std::mem::take(&mut name));
    }
    let mut request = ApiRequest::new(verb, path.resource, user)
        .namespace(path.namespace)
        .subresource(path.subresource)
        .options(options)
        .body(body);
    request.name = name;
    request.agent = manager(text(headers, header::USER_AGENT));
    Ok(request)
}

/// The old watch path of one object follows the collection, narrowed to that object.
fn select_name(options: &mut Options, name: &str) {
    if !options.field_selector.is_empty() {
        options.field_selector.push(',');
    }
    options.field_selector.push_str("metadata.name=");
    options.field_selector.push_str(name);
}

/// The field manager that a `User-Agent` stands for: what is before the first slash.
fn manager(agent: &str) -> String {
    let mut manager = String::new();
    for letter in agent.split('/').next().unwrap_or_default().chars() {
        if manager.len() + letter.len_utf8() > MAX_MANAGER_BYTES {
            break;
        }
        if !letter.is_control() {
            manager.push(letter);
        }
    }
    if manager.is_empty() { "unknown".into() } else { manager }
}

/// A header as text; empty where it is missing or no ASCII.
pub(crate) fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::path::Route;

    fn request(method: Method, uri: &str) -> Result<ApiRequest, Status> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let Route::Resource(path) = Route::parse(path)? else { panic!("a resource path") };
        let query = Query::parse(query);
        let verb = verb(&method, &path, &query)?;
        let user = UserInfo::anonymous();
        build(verb, path, &query, &HeaderMap::new(), Bytes::new(), user)
    }

    #[test]
    fn method_and_path_make_the_verb() {
        let cases = [
            (Method::GET, "/api/v1/pods", Verb::List),
            (Method::GET, "/api/v1/pods?watch", Verb::Watch),
            (Method::GET, "/api/v1/pods?watch=false", Verb::List),
            (Method::GET, "/api/v1/namespaces/a/pods/b?watch=1", Verb::Get),
            (Method::GET, "/api/v1/watch/pods", Verb::Watch),
            (Method::POST, "/api/v1/pods", Verb::Create),
            (Method::PUT, "/api/v1/namespaces/a/pods/b", Verb::Update),
            (Method::DELETE, "/api/v1/namespaces/a/pods/b", Verb::Delete),
            (Method::DELETE, "/api/v1/namespaces/a/pods", Verb::DeleteCollection),
            (Method::POST, "/api/v1/namespaces/a/pods/b/exec", Verb::Connect),
            (Method::GET, "/api/v1/namespaces/a/pods/b/log", Verb::Get),
        ];
        for (method, uri, verb) in cases {
            assert_eq!(request(method, uri).unwrap().verb, verb, "{uri}");
        }
        for method in [Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert_eq!(request(method, "/api/v1/pods").unwrap_err().code, 405);
        }
        assert_eq!(request(Method::POST, "/api/v1/watch/pods").unwrap_err().code, 405);
        assert_eq!(request(Method::PATCH, "/api/v1/nodes/a").unwrap_err().code, 415);
    }

    #[test]
    fn the_old_watch_path_of_an_object_selects_it_by_name() {
        let uri = "/api/v1/watch/namespaces/a/pods/b?fieldSelector=x%3Dy";
        let request = request(Method::GET, uri).unwrap();
        assert_eq!(request.options.field_selector, "x=y,metadata.name=b");
        assert_eq!((request.name.as_str(), request.namespace.as_str()), ("", "a"));
    }

    #[test]
    fn the_agent_up_to_the_slash_manages_fields() {
        assert_eq!(manager("kubectl/v1.32 (linux)"), "kubectl");
        assert_eq!(manager(""), "unknown");
        assert_eq!(manager(&"é".repeat(100)).len(), 128);
    }
}
