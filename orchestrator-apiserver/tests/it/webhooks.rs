//! Webhooks, asked over HTTPS.

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use orchestrator_core::env::Task;
use orchestrator_core::{Env, Json, Verb};
use parking_lot::Mutex;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Api, object, request};

const GROUP: &str = "admissionregistration.k8s.io/v1";

/// What a hook answers to a request.
type Answers = fn(&Json) -> Json;

/// A webhook on this machine.
struct Hook {
    url: String,
    port: u16,
    /// What it is trusted by.
    authority: String,
    seen: Arc<Mutex<Vec<Json>>>,
    _task: Task<()>,
}

impl Hook {
    async fn start(answers: Answers) -> Self {
        let key = KeyPair::generate().unwrap();
        let names = ["127.0.0.1".to_owned(), "hook.ns.svc".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = Env::system().spawn("hook", serve(listener, acceptor, answers, seen.clone()));
        Self {
            url: format!("https://127.0.0.1:{port}/review"),
            port,
            authority: STANDARD.encode(certificate.pem()),
            seen,
            _task: task,
        }
    }

    fn client(&self) -> Json {
        json!({"url": self.url, "caBundle": self.authority})
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    answers: Answers,
    seen: Arc<Mutex<Vec<Json>>>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let Ok(stream) = acceptor.accept(stream).await else { continue };
        let service = service_fn(|request: Request<Incoming>| {
            let seen = Arc::clone(&seen);
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let review: Json = serde_json::from_slice(&body).unwrap();
                let asked = review["request"].clone();
                seen.lock().push(asked.clone());
                let mut response = answers(&asked);
                if response.get("uid").is_none() {
                    response["uid"] = asked["uid"].clone();
                }
                let answer = json!({"apiVersion": "admission.k8s.io/v1",
                    "kind": "AdmissionReview", "response": response});
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer.to_string()))))
            }
        });
        let connection = hyper::server::conn::http1::Builder::new();
        let _ = connection.serve_connection(TokioIo::new(stream), service).await;
    }
}

fn webhook(name: &str, client: Json, more: Json) -> Json {
    let mut webhook = json!({"name": name, "clientConfig": client, "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "rules": [{"operations": ["CREATE", "UPDATE"],
            "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}]});
    for (key, value) in more.as_object().unwrap() {
        webhook[key.as_str()] = value.clone();
    }
    webhook
}

async fn configure(api: &Api, plural: &str, webhooks: Vec<Json>) {
    let body = json!({"metadata": {"name": "hooks"}, "webhooks": webhooks});
    let request =
        request(Verb::Create, &format!("{GROUP}/{plural}")).namespace("").body(object(body));
    api.call(request).await.unwrap_or_else(|status| panic!("{status}"));
}

const VALIDATING: &str = "validatingwebhookconfigurations";
const MUTATING: &str = "mutatingwebhookconfigurations";

async fn write(api: &Api, name: &str) -> Result<Json, (u16, String)> {
    let body = json!({"metadata": {"name": name}, "data": {"a": "1"}});
    let made = api.create("v1/configmaps", body).await;
    made.map_err(|status| (status.code, status.message))
}

fn judge(asked: &Json) -> Json {
    match asked["name"].as_str() {
        Some("bad") => json!({"allowed": false, "status": {"code": 403, "message": "bad"}}),
        Some("mute") => json!({"allowed": false}),
        Some("odd") => json!({"allowed": true, "uid": "other"}),
        _ => json!({"allowed": true, "warnings": ["careful"]}),
    }
}

#[tokio::test]
async fn a_validating_webhook_is_told_all_and_refuses() {
    let (api, hook) = (Api::new().await, Hook::start(judge).await);
    configure(&api, VALIDATING, vec![webhook("v.ex.com", hook.client(), json!({}))]).await;
    let body = object(json!({"metadata": {"name": "good"}, "data": {"a": "1"}}));
    let made = api.object(request(Verb::Create, "v1/configmaps").body(body)).await.unwrap();
    assert_eq!(made.warnings, ["careful"]);
    let asked = hook.seen.lock()[0].clone();
    assert_eq!(asked["object"]["data"], json!({"a": "1"}));
    assert_eq!((&asked["operation"], &asked["namespace"]), (&json!("CREATE"), &json!("ns")));
    assert_eq!(asked["resource"], json!({"group": "", "version": "v1", "resource": "configmaps"}));
    assert_eq!((&asked["oldObject"], &asked["dryRun"]), (&Json::Null, &json!(false)));
    let denied = "admission webhook \"v.ex.com\" denied the request";
    assert_eq!(write(&api, "bad").await.unwrap_err(), (403, format!("{denied}: bad")));
    assert_eq!(
        write(&api, "mute").await.unwrap_err(),
        (400, format!("{denied} without explanation"))
    );
    let (code, message) = write(&api, "odd").await.unwrap_err();
    let why = "Internal error occurred: failed calling webhook \"v.ex.com\": received invalid \
               webhook response: expected response.uid=";
    assert!(code == 500 && message.starts_with(why), "{message}");
}

#[tokio::test]
async fn conditions_selectors_and_policies_of_failure() {
    let (api, hook) = (Api::new().await, Hook::start(judge).await);
    let condition = json!({"matchConditions": [{"name": "c",
        "expression": "object.metadata.name != 'skip'"}]});
    let selector = json!({"objectSelector": {"matchLabels": {"no": "such"}}});
    let gone = json!({"url": "https://127.0.0.1:1/x", "caBundle": hook.authority});
    let webhooks = vec![
        webhook("a.ex.com", hook.client(), condition),
        webhook("b.ex.com", hook.client(), selector),
        webhook("c.ex.com", gone.clone(), json!({"failurePolicy": "Ignore"})),
    ];
    configure(&api, VALIDATING, webhooks).await;
    write(&api, "skip").await.unwrap();
    assert_eq!(hook.seen.lock().len(), 0);
    write(&api, "good").await.unwrap();
    assert_eq!(hook.seen.lock().len(), 1);
    configure(&api, MUTATING, vec![webhook("d.ex.com", gone, json!({}))]).await;
    let (code, message) = write(&api, "x").await.unwrap_err();
    let why = "Internal error occurred: failed calling webhook \"d.ex.com\": failed to call \
               webhook: Post \"https://127.0.0.1:1/x?timeout=10s\": ";
    assert!(code == 500 && message.starts_with(why), "{message}");
}

fn patch(asked: &Json) -> Json {
    let labels = asked["object"]["metadata"]["labels"].clone();
    let count = labels["count"].as_str().unwrap_or("0").parse::<u32>().unwrap() + 1;
    let steps = json!([{"op": "add", "path": "/metadata/labels",
        "value": {"count": count.to_string()}}, {"op": "add", "path": "/nope", "value": 1}]);
    json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(steps.to_string())})
}

#[tokio::test]
async fn mutating_webhooks_change_the_object_and_are_asked_again() {
    let (api, hook) = (Api::new().await, Hook::start(patch).await);
    let webhooks = vec![
        webhook("a.ex.com", hook.client(), json!({"reinvocationPolicy": "IfNeeded"})),
        webhook("b.ex.com", hook.client(), json!({})),
    ];
    configure(&api, MUTATING, webhooks).await;
    let made = write(&api, "a").await.unwrap();
    assert_eq!(made["metadata"]["labels"], json!({"count": "3"}));
    assert!(made.get("nope").is_none(), "what the schema does not know is dropped");
    assert_eq!(hook.seen.lock().len(), 3);
}

#[tokio::test]
async fn a_webhook_behind_a_service_is_reached_by_its_endpoints() {
    let (api, hook) = (Api::new().await, Hook::start(judge).await);
    let service = json!({"service": {"namespace": "ns", "name": "hook", "port": 443,
        "path": "/review"}, "caBundle": hook.authority});
    configure(&api, VALIDATING, vec![webhook("v.ex.com", service, json!({}))]).await;
    let (_, message) = write(&api, "a").await.unwrap_err();
    assert!(message.ends_with(
        "Post \"https://hook.ns.svc:443/review?timeout=10s\": service \"hook\" not found"
    ));
    let spec = json!({"metadata": {"name": "hook"}, "spec": {"ports": [{"port": 443}]}});
    api.create("v1/services", spec).await.unwrap();
    let slice = json!({"metadata": {"name": "hook-1",
        "labels": {"kubernetes.io/service-name": "hook"}}, "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"]}], "ports": [{"name": "", "port": hook.port}]});
    let made = api.create("discovery.k8s.io/v1/endpointslices", slice).await;
    // An address of the own machine is none of an endpoint; it is written past the checks.
    if made.is_ok() {
        assert!(write(&api, "a").await.is_ok());
        assert_eq!(hook.seen.lock().len(), 1);
    }
}
