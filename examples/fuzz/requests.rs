//! Whole requests, through the HTTP face and the complete pipeline of a cluster in memory.
//!
//! An input is a request: method, path and content type on the first line, the body behind it.
//! Every write is a dry run, so each request meets the same objects, whatever came before it.

use std::cell::OnceCell;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use orchestrator::Cluster;
use orchestrator::apiserver::http::HttpService;
use orchestrator::core::UserInfo;
use orchestrator::core::fuzzing::Target;

/// The target, with requests of each kind.
pub const TARGETS: &[Target] = &[Target::new("request", fuzz_request, &[
    b"POST /api/v1/namespaces/default/configmaps application/json\n{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":{\"a\":\"b\"}}",
    b"POST /api/v1/namespaces/default/pods?fieldValidation=Strict application/json\n{\"metadata\":{\"generateName\":\"a-\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"ports\":[{\"containerPort\":80}],\"resources\":{\"limits\":{\"cpu\":\"1500m\"}},\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]}],\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}}",
    b"POST /apis/apps/v1/namespaces/default/deployments application/yaml\nmetadata: {name: a}\nspec:\n  replicas: 2\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: a, image: i}]}\n",
    b"POST /api/v1/namespaces/default/services application/json\n{\"metadata\":{\"name\":\"a\"},\"spec\":{\"type\":\"NodePort\",\"selector\":{\"a\":\"b\"},\"ports\":[{\"port\":80,\"targetPort\":\"http\",\"nodePort\":30080}]}}",
    b"PATCH /api/v1/namespaces/default application/merge-patch+json\n{\"metadata\":{\"labels\":{\"a\":\"b\"},\"annotations\":null}}",
    b"PATCH /api/v1/namespaces/default application/strategic-merge-patch+json\n{\"metadata\":{\"finalizers\":[\"a.b/c\"],\"$setElementOrder/finalizers\":[\"a.b/c\"]}}",
    b"PATCH /api/v1/namespaces/default application/json-patch+json\n[{\"op\":\"add\",\"path\":\"/metadata/labels/x\",\"value\":\"y\"},{\"op\":\"test\",\"path\":\"/kind\",\"value\":\"Namespace\"}]",
    b"PATCH /api/v1/namespaces/default/configmaps/b?fieldManager=f&force=true application/apply-patch+yaml\n{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"b\"},\"data\":{\"k\":\"v\"}}",
    b"PUT /api/v1/namespaces/default application/json\n{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"default\"},\"spec\":{\"finalizers\":[\"kubernetes\"]}}",
    b"DELETE /api/v1/namespaces/default?propagationPolicy=Foreground application/json\n{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"gracePeriodSeconds\":5,\"preconditions\":{\"uid\":\"x\"}}",
    b"GET /api/v1/namespaces?limit=2&labelSelector=kubernetes.io/metadata.name%20in%20(default)&fieldSelector=metadata.name!=x application/json\n",
    b"GET /apis/apps/v1/deployments?resourceVersion=0&resourceVersionMatch=NotOlderThan application/json\n",
    b"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews application/json\n{\"spec\":{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\"}}}",
])];

struct Plane {
    runtime: tokio::runtime::Runtime,
    service: HttpService,
    _cluster: Cluster,
}

impl Plane {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime needs nothing but memory");
        let cluster = Cluster::builder().parts([]).start();
        let cluster = runtime.block_on(cluster).expect("a cluster in memory starts");
        let service = cluster.http().on_behalf_of(UserInfo::system("admin"));
        Self { runtime, service, _cluster: cluster }
    }
}

thread_local! {
    static PLANE: OnceCell<Plane> = const { OnceCell::new() };
}

/// Sends a request.
fn fuzz_request(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (head, body) = data.split_at(end);
    let head = String::from_utf8_lossy(head);
    let mut words = head.splitn(3, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (method, path, content_type) = (word(), word(), word());
    let separator = if path.contains('?') { '&' } else { '?' };
    let request = Request::builder()
        .method(method)
        .uri(format!("{path}{separator}dryRun=All"))
        .header("content-type", content_type)
        .body(Full::new(Bytes::copy_from_slice(body.get(1..).unwrap_or_default())));
    // What is no HTTP never comes so far.
    let Ok(request) = request else { return };
    PLANE.with(|plane| {
        let plane = plane.get_or_init(Plane::start);
        // Some of the API's own refusals have code 500, so no code is a finding: a panic is.
        let answer = plane.runtime.block_on(plane.service.answer(request));
        assert!(answer.status().as_u16() >= 200, "{}", answer.status());
    });
}
