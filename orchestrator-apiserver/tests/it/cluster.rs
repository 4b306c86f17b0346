//! A server on a store in memory, and requests to it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use orchestrator_apiserver::ApiServer;
use orchestrator_apiserver::authn::{
    Authenticators, ClientCertificates, ServiceAccountTokens, StaticTokens,
};
use orchestrator_apiserver::encode::Payload;
use orchestrator_apiserver::http::HttpService;
use orchestrator_apiserver::tls::Pki;
use orchestrator_core::node::NodeDialer;
use orchestrator_core::{Env, Json};
use orchestrator_store::MemoryStore;
use tower::ServiceExt;

/// A server with an administrator's token.
pub struct Cluster {
    pub service: HttpService,
    pub pki: Pki,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that this is a `Status` of the given code, and returns its message.
    pub fn failed(&self, code: u16) -> String {
        assert_eq!(self.status.as_u16(), code, "{}", self.text());
        let json = self.json();
        assert_eq!((&json["kind"], &json["code"]), (&Json::from("Status"), &Json::from(code)));
        json["message"].as_str().unwrap_or_default().into()
    }
}

impl Cluster {
    pub async fn start() -> Self {
        Self::with_nodes(None).await
    }

    pub async fn with_nodes(nodes: Option<Arc<dyn NodeDialer>>) -> Self {
        let env = Env::system();
        let pki = Pki::in_memory(&env).unwrap();
        let keys = ServiceAccountTokens::new(pki.service_account_key(), env.clone()).unwrap();
        let keys = Arc::new(keys);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let mut builder = ApiServer::builder(store, env).tokens(Arc::clone(&keys) as _);
        if let Some(nodes) = nodes {
            builder = builder.nodes(nodes);
        }
        let server = builder.build();
        server.start().await.unwrap();
        keys.check_against(server.objects().clone());
        let authenticators = Authenticators::new()
            .with(Arc::new(ClientCertificates))
            .with(Arc::new(StaticTokens::new([(pki.admin_token().to_owned(), Pki::admin())])))
            .with(Arc::clone(&keys) as _);
        Self { service: HttpService::with_keys(server, authenticators, Some(keys)), pki }
    }

    /// A request of the administrator: `GET /path`, with headers as `name: value` lines.
    pub fn request(
        &self,
        line: &str,
        headers: &[&str],
        body: impl Into<Bytes>,
    ) -> Request<Full<Bytes>> {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri);
        let token = format!("authorization: Bearer {}", self.pki.admin_token());
        let own = headers.iter().any(|header| header.starts_with("authorization:"));
        let defaults = if own { None } else { Some(token.as_str()) };
        for header in headers.iter().copied().chain(defaults) {
            let (name, value) = header.split_once(':').unwrap();
            request = request.header(name, value.trim());
        }
        request.body(Full::new(body.into())).unwrap()
    }

    pub async fn open(&self, line: &str, headers: &[&str]) -> Response<Payload> {
        self.service.clone().oneshot(self.request(line, headers, "")).await.unwrap()
    }

    pub async fn call(&self, line: &str, headers: &[&str], body: impl Into<Bytes>) -> Answer {
        let request = self.request(line, headers, body);
        read(self.service.clone().oneshot(request).await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(&format!("GET {path}"), &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Json) -> Answer {
        self.call(&format!("POST {path}"), &["content-type: application/json"], body.to_string())
            .await
    }
}

pub async fn read(response: Response<Payload>) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, bytes }
}
