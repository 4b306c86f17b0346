//! The API service over HTTP.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use orchestrator_core::env::Task;
use orchestrator_core::request::{ApiRequest, Body};
use orchestrator_core::resource::{ResourceDef, Scope};
use orchestrator_core::service::{ApiResponse, ApiService, ResponseBody, Watch};
use orchestrator_core::{Env, Json, Object, Status, Verb};
use serde_json::json;

use super::connect::Connector;
use super::{ConfigError, RemoteConfig, answer, frames, path};

/// The largest answer taken, watches aside: a list of some hundred thousand objects.
const MAX_ANSWER_BYTES: usize = 1 << 30;

/// How long a request other than a watch may take, the server's own limit of a minute included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(70);

/// Calls a server over HTTP.
pub struct RemoteService {
    pub(super) connector: Connector,
    pub(super) token: Option<String>,
}

impl fmt::Debug for RemoteService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteService").field("server", &self.connector.uri("")).finish()
    }
}

impl RemoteService {
    /// A service that connects when it is first called.
    ///
    /// # Errors
    /// Certificates, keys or the address cannot be used.
    pub fn new(config: RemoteConfig, env: Env) -> Result<Self, ConfigError> {
        let connector = Connector::new(&config, env)?;
        Ok(Self { connector, token: config.token })
    }

    fn http(&self, request: &ApiRequest) -> Result<Request<Full<Bytes>>, Status> {
        let mut http = self
            .request(path::method(request.verb)?, &path::target(request))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, &request.agent);
        let body = match &request.body {
            Body::None => delete_options(request).unwrap_or_default(),
            Body::Object(object) => {
                Bytes::from(serde_json::to_vec(object).map_err(Status::internal)?)
            }
            Body::Bytes { bytes, .. } | Body::Patch { bytes, .. } => bytes.clone(),
        };
        if !body.is_empty() {
            http = http.header(header::CONTENT_TYPE, path::content_type(&request.body));
        }
        http.body(Full::new(body)).map_err(|error| Status::bad_request(error.to_string()))
    }

    /// Sends a request and waits for the head of the answer; the task, where there is one, is the
    /// connection that the body comes over.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(http::Response<Incoming>, Option<Task<()>>), Status> {
        let sent = self.connector.send(request);
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, sent).await;
        let answer = answer.map_err(|_| Status::timeout("the server did not answer in time", 1))?;
        answer.map_err(|error| Status::unavailable(chain(&*error)))
    }
}

#[async_trait]
impl ApiService for RemoteService {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, Status> {
        let (answer, connection) = self.send(self.http(&request)?).await?;
        let code = answer.status().as_u16();
        let warnings = warnings(answer.headers());
        let body = if code >= 400 {
            return Err(Status::from_object(
                &read(answer.into_body()).await.unwrap_or_default(),
                code,
            ));
        } else if request.verb == Verb::Watch {
            let events = frames::events(answer.into_body(), connection);
            ResponseBody::Watch(Watch { def: definition(&request), events })
        } else if request.subresource == "log" {
            ResponseBody::Bytes { content_type: "text/plain", stream: bytes(answer, connection) }
        } else {
            let body = tokio::time::timeout(REQUEST_TIMEOUT, collect(answer.into_body())).await;
            let body = body.map_err(|_| Status::timeout("the answer did not end in time", 1))?;
            answer::decode(code, body?, definition(&request), request.verb == Verb::List)?
        };
        Ok(ApiResponse { warnings, body })
    }
}

/// The options of a deletion travel in its body.
fn delete_options(request: &ApiRequest) -> Option<Bytes> {
    if !matches!(request.verb, Verb::Delete | Verb::DeleteCollection) {
        return None;
    }
    let options = &request.options;
    let mut body = json!({
        "apiVersion": "v1", "kind": "DeleteOptions",
        "gracePeriodSeconds": options.grace_period_seconds,
        "propagationPolicy": Some(&options.propagation_policy).filter(|policy| !policy.is_empty()),
        "orphanDependents": options.orphan_dependents,
        "preconditions": {
            "uid": options.precondition_uid,
            "resourceVersion": options.precondition_resource_version,
        },
    });
    prune_nulls(&mut body);
    Some(Bytes::from(body.to_string()))
}

fn prune_nulls(value: &mut Json) {
    if let Json::Object(map) = value {
        map.values_mut().for_each(prune_nulls);
        map.retain(|_, value| !value.is_null());
    }
}

pub(super) async fn read(body: Incoming) -> Result<Object, Status> {
    serde_json::from_slice(&collect(body).await?).map_err(Status::internal)
}

async fn collect(body: Incoming) -> Result<Bytes, Status> {
    let collected = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    Ok(collected.map_err(|error| Status::unavailable(chain(&*error)))?.to_bytes())
}

fn bytes(
    answer: http::Response<Incoming>,
    connection: Option<Task<()>>,
) -> BoxStream<'static, Bytes> {
    let frames = answer.into_body().into_data_stream();
    frames.scan(connection, |_open, chunk| std::future::ready(chunk.ok())).boxed()
}

fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(header::WARNING).iter().filter_map(|value| value.to_str().ok());
    texts
        .filter_map(|text| Some(text.split_once('"')?.1.trim_end_matches('"').to_owned()))
        .collect()
}

/// A definition with the names that the request tells; a client needs no more of it.
fn definition(request: &ApiRequest) -> Arc<ResourceDef> {
    let scope = if request.namespace.is_empty() { Scope::Cluster } else { Scope::Namespaced };
    Arc::new(ResourceDef::new(request.resource.clone(), "", scope))
}

/// An error with its sources, since the first link says little.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
