//! The paths that name no resource: discovery, OpenAPI, health, version, metrics, keys.

use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use orchestrator_core::{Json, Status, UserInfo};
use serde_json::json;

use super::answer::{self, Answer};
use super::metrics;
use super::query::Query;
use super::request::text;
use super::service::Shared;
use crate::discovery::{AGGREGATED, Probe, Tagged, version};
use crate::encode::{self, Form, Wish, clauses};

/// Answers a request to a path that names no resource.
pub(crate) async fn answer(
    shared: &Shared,
    parts: &Parts,
    path: &[String],
    query: &Query,
    user: &UserInfo,
) -> Answer {
    let method = parts.method.as_str().to_ascii_lowercase();
    let allowed = shared.server.authorize_path(user, &method, parts.uri.path()).await;
    if let Err(status) = allowed {
        return answer::failure(&status, Form::PLAIN);
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return answer::failure(&Status::method_not_allowed(), Form::PLAIN);
    }
    let cx = Cx { shared, parts, query };
    let path_words: Vec<&str> = path.iter().map(String::as_str).collect();
    match path_words.as_slice() {
        [] => cx.json(&json!({"paths": paths(shared)})),
        ["api"] | ["apis"] if cx.wants_aggregated() => {
            let core = path[0] == "api";
            cx.tagged(AGGREGATED, &shared.discovery.aggregated(shared.server.registry(), core))
        }
        ["api" | "apis", ..] => cx.legacy(path),
        ["openapi", "v2"] => cx.tagged("application/json", &shared.openapi.v2().into()),
        ["openapi", "v3"] => cx.openapi_index(),
        ["openapi", "v3", rest @ ..] => cx.openapi_document(&rest.join("/")),
        ["version"] => cx.json(&version()),
        ["metrics"] => answer::with_type(200, metrics::CONTENT_TYPE, shared.metrics.text()),
        ["openid", "v1", "jwks"] | [".well-known", "openid-configuration"] => cx.keys(path),
        [probe] | [probe, _] => match Probe::from_name(probe) {
            Some(probe) => cx.health(probe, path_words.get(1).copied()).await,
            None => answer::page_not_found(),
        },
        _ => answer::page_not_found(),
    }
}

/// The paths listed at `/`.
fn paths(shared: &Shared) -> Vec<String> {
    let mut paths = shared.discovery.paths(shared.server.registry());
    let fixed =
        ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"];
    paths.extend(fixed.iter().map(|&path| path.to_owned()));
    paths.sort();
    paths
}

struct Cx<'a> {
    shared: &'a Shared,
    parts: &'a Parts,
    query: &'a Query,
}

impl Cx<'_> {
    /// Whether the best clause that discovery can serve asks for the aggregated document.
    fn wants_aggregated(&self) -> bool {
        let accept = text(&self.parts.headers, header::ACCEPT);
        let aggregated = clauses(accept).into_iter().find_map(|clause| {
            let params = (clause.param("g"), clause.param("v"), clause.param("as"));
            match (clause.media, params) {
                ("application/json", ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList")) => {
                    Some(true)
                }
                ("application/json" | "application/yaml" | "*/*", ("", "", "")) => Some(false),
                _ => None,
            }
        });
        aggregated.unwrap_or(false)
    }

    fn legacy(&self, path: &[String]) -> Answer {
        let host = match text(&self.parts.headers, header::HOST) {
            "" => self.parts.uri.authority().map_or("", |authority| authority.as_str()),
            host => host,
        };
        match self.shared.discovery.legacy(self.shared.server.registry(), path, host) {
            Some(document) => {
                let mut answer = self.json(&document);
                vary(&mut answer);
                answer
            }
            None => answer::page_not_found(),
        }
    }

    fn json(&self, json: &Json) -> Answer {
        let wish = Wish {
            accept: text(&self.parts.headers, header::ACCEPT),
            pretty: self.query.get("pretty").map(|_| self.query.flag("pretty")),
            agent: text(&self.parts.headers, header::USER_AGENT),
            watch: false,
        };
        let encoded = wish.negotiate().and_then(|form| {
            let bytes = encode::object::encode_json(json, form)?;
            Ok(answer::with_type(200, form.content_type(), bytes))
        });
        encoded.unwrap_or_else(|status| answer::failure(&status, Form::PLAIN))
    }

    /// A document with a tag; 304 where the client has it already.
    fn tagged(&self, content_type: &'static str, document: &Tagged) -> Answer {
        let known = text(&self.parts.headers, header::IF_NONE_MATCH);
        let encoded = encode::Encoded {
            code: 200,
            content_type,
            payload: document.bytes.clone().into(),
            compress: true,
        };
        let encoding = text(&self.parts.headers, header::ACCEPT_ENCODING);
        let mut answer = answer::encoded(encoded, encoding);
        if known.split(',').any(|tag| tag.trim() == document.etag) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            *answer.body_mut() = encode::Payload::empty();
            answer.headers_mut().remove(header::CONTENT_ENCODING);
        }
        if let Ok(tag) = HeaderValue::from_str(&document.etag) {
            answer.headers_mut().insert(header::ETAG, tag);
        }
        vary(&mut answer);
        answer
    }

    fn openapi_index(&self) -> Answer {
        self.tagged("text/plain; charset=utf-8", &self.shared.openapi.index().into())
    }

    /// The document of one group and version; one that is asked for with its hash never changes.
    fn openapi_document(&self, name: &str) -> Answer {
        let Some(document) = self.shared.openapi.group_version(name) else {
            return answer::page_not_found();
        };
        let forever = self.query.get("hash") == Some(document.etag.as_str());
        let mut answer = self.tagged("application/json", &document.into());
        if forever {
            let forever = HeaderValue::from_static("public, immutable");
            answer.headers_mut().insert(header::CACHE_CONTROL, forever);
        }
        answer
    }

    fn keys(&self, path: &[String]) -> Answer {
        let Some(keys) = &self.shared.keys else { return answer::page_not_found() };
        let (content_type, json) = match path[0].as_str() {
            "openid" => ("application/jwk-set+json", keys.key_set()),
            _ => ("application/json", keys.configuration()),
        };
        answer::with_type(200, content_type, json.to_string())
    }

    async fn health(&self, probe: Probe, check: Option<&str>) -> Answer {
        let (health, server) = (&self.shared.health, &self.shared.server);
        let (well, text) = match check {
            None => {
                let verbose = self.query.get("verbose").is_some();
                let exclude: Vec<_> = self.query.all("exclude").collect();
                health.all(server, probe, verbose, &exclude).await
            }
            Some(name) => match health.one(server, probe, name).await {
                Some(answer) => answer,
                None => return answer::page_not_found(),
            },
        };
        answer::text(if well { 200 } else { 500 }, text)
    }
}

fn vary(answer: &mut Answer) {
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
}
