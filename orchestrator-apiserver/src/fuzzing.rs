//! Fuzz targets: each takes any bytes and must come back without a panic.

use orchestrator_core::fuzzing::Target;

use crate::encode::{Wish, protobuf};
use crate::http::path::Route;
use crate::http::query::Query;
use crate::rest::body;
use crate::rest::continue_token::Place;

/// All targets, each with inputs to start from.
pub const TARGETS: &[Target] = &[
    Target::new("path", fuzz_path, &[
        b"/api/v1/namespaces/a/pods/b/log",
        b"/apis/apps/v1/watch/deployments",
        b"/apis/a%2Fb/v1/c",
    ]),
    Target::new("query", fuzz_query, &[
        b"limit=5&watch=1&labelSelector=a%3Db&timeoutSeconds=7&dryRun=All",
        b"command=a&command=b+c&force",
    ]),
    Target::new("accept", fuzz_accept, &[
        b"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;q=0.5",
        b"application/vnd.kubernetes.protobuf, */*",
    ]),
    Target::new("protobuf", fuzz_protobuf, &[
        b"k8s\x00\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x05\x0a\x03\x0a\x01p",
        b"k8s\x00\x0a\x0f\x0a\x02v1\x12\x09ConfigMap\x12\x0c\x0a\x03\x0a\x01c\x12\x05\x0a\x01k\x12\x00",
    ]),
    Target::new("yaml", fuzz_yaml, &[
        b"a: [1, 2.5, null, ~, true, 'x', \"y\"]\nb:\n  c: |\n    text\n  d: &x {e: 0x1f}\nf: *x\n",
        b"---\nkey: >-\n  folded\n  text\n? complex\n: value\n<<: {a: b}\n",
    ]),
    Target::new("continue_token", fuzz_continue_token, &[
        b"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6NSwic3RhcnQiOiJkZWZhdWx0L2EifQ",
    ]),
];

/// Reads bytes as a path.
pub fn fuzz_path(bytes: &[u8]) {
    let _ = Route::parse(&String::from_utf8_lossy(bytes));
}

/// Reads bytes as a query.
pub fn fuzz_query(bytes: &[u8]) {
    let _ = Query::parse(&String::from_utf8_lossy(bytes)).options();
}

/// Reads bytes as an `Accept` header.
pub fn fuzz_accept(bytes: &[u8]) {
    let accept = String::from_utf8_lossy(bytes);
    for watch in [false, true] {
        let _ = Wish { accept: &accept, pretty: None, agent: "", watch }.negotiate();
    }
}

/// Reads bytes as an object in protobuf.
pub fn fuzz_protobuf(bytes: &[u8]) {
    let _ = protobuf::decode(bytes);
}

/// Reads bytes as a body in YAML.
pub fn fuzz_yaml(bytes: &[u8]) {
    let _ = body::yaml(bytes);
}

/// Reads bytes as the token of a list's next page.
pub fn fuzz_continue_token(bytes: &[u8]) {
    if let Ok(place) = Place::decode(&String::from_utf8_lossy(bytes)) {
        assert_eq!(Place::decode(&place.encode()), Ok(place));
    }
}
