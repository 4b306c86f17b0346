//! Entry points for fuzzers: each takes any bytes and must come back without a panic.

use futures::executor::block_on;

use super::path::Route;
use super::query::Query;
use super::stream::spdy;
use crate::authn::user_of_certificate;
use crate::encode::{Wish, protobuf};

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

/// Reads bytes as what a SPDY client sends.
pub fn fuzz_spdy(bytes: &[u8]) {
    block_on(spdy::read_all(bytes));
}

/// Reads bytes as a client certificate.
pub fn fuzz_certificate(bytes: &[u8]) {
    let _ = user_of_certificate(bytes);
}
