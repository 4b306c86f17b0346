//! Fuzz targets: what a client may send, as plain functions from bytes.
//!
//! A target must neither panic nor hang, whatever the bytes.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, Bytes, BytesMut};
use http_body::Body;
use http_body_util::Full;
use orchestrator_core::Env;
use orchestrator_core::fuzzing::Target;
use prost::Message;
use tonic::codegen::Service;

use super::authority::frames::{PREFACE, passed};
use super::messages::{HEAD_BYTES, framed};
use super::pieces::Answer;
use super::{EtcdServer, Options, check, reply, request};
use crate::MemoryStore;
use crate::mvcc::{Limits, Mvcc};
use crate::proto::etcd as pb;

/// All targets, each with inputs to start from.
pub const TARGETS: &[Target] = &[
    Target::new(
        "etcd_txn",
        fuzz_txn,
        &[
            b"\x0a\x07\x10\x02\x1a\x01a\x30\x00\x12\x08\x12\x06\x0a\x01a\x12\x011\x1a\x05\x0a\x03\x0a\x01a",
            b"\x12\x0c\x22\x0a\x12\x08\x12\x06\x0a\x01a\x12\x011\x12\x08\x1a\x06\x0a\x01a\x12\x01b",
        ],
    ),
    Target::new(
        "etcd_frames",
        fuzz_frames,
        &[
            b"\x00\x00\x0c\x01\x04\x00\x00\x00\x01\x82\x41\x08http://a\x84\x00\x00\x00\x04\x00\0\0\0\0",
            b"\x00\x00\x04\x01\x2c\x00\x00\x00\x01\x02\x82\xbe\x84",
        ],
    ),
    Target::new("etcd_range", fuzz_range, &[b"\x0a\x01a\x12\x01\x00\x18\x05\x20\x01\x28\x02\x30\x04"]),
    Target::new(
        "etcd_call",
        fuzz_call,
        &[
            b"\x00\x0a\x01a",
            b"\x01\x0a\x01a\x12\x011\x20\x01",
            b"\x03\x12\x08\x12\x06\x0a\x01a\x12\x011",
            b"\x05\x0a\x05\x0a\x01a\x18\x01",
            b"\x06\x08\x64",
            b"\x88\x00\x00\x00\x00\x02\x08\x07\x00\x00\x00\x00\x02\x08\x08",
        ],
    ),
];

/// The calls that the first byte chooses from.
const CALLS: [&str; 12] = [
    "KV/Range",
    "KV/Put",
    "KV/DeleteRange",
    "KV/Txn",
    "KV/Compact",
    "Watch/Watch",
    "Lease/LeaseGrant",
    "Lease/LeaseRevoke",
    "Lease/LeaseKeepAlive",
    "Lease/LeaseTimeToLive",
    "Maintenance/HashKV",
    "Cluster/MemberAdd",
];

/// Decodes a transaction, checks it, translates it and applies it to an empty store.
///
/// # Panics
/// The answer has not one part per step.
pub fn fuzz_txn(data: &[u8]) {
    let Ok(asked) = pb::TxnRequest::decode(Bytes::copy_from_slice(data)) else { return };
    if check::txn(&asked).is_err() {
        return;
    }
    let mut mvcc = Mvcc::new(Limits::default());
    if let Ok(done) = mvcc.txn(request::txn(&asked)) {
        let answer = reply::txn(&asked, done, pb::ResponseHeader::default());
        let steps = if answer.succeeded { asked.success.len() } else { asked.failure.len() };
        assert_eq!(answer.responses.len(), steps);
    }
}

/// Decodes and translates a range, and reads from an empty store.
///
/// # Panics
/// More keys are counted than there are.
pub fn fuzz_range(data: &[u8]) {
    let Ok(asked) = pb::RangeRequest::decode(Bytes::copy_from_slice(data)) else { return };
    if check::range(&asked).is_err() {
        return;
    }
    let mvcc = Mvcc::new(Limits::default());
    if let Ok(found) = mvcc.range(&request::range(&asked)) {
        let answer = reply::range(&asked, found, pb::ResponseHeader::default());
        let written: usize = framed(&answer).map_or(0, |parts| parts.map(|part| part.len()).sum());
        assert!(written == HEAD_BYTES + answer.bytes() && answer.count == 0);
    }
}

/// Passes frames of HTTP/2 on as a connection does, in pieces of several sizes.
///
/// # Panics
/// What comes out depends on the pieces, or is longer than what went in.
pub fn fuzz_frames(data: &[u8]) {
    let sent = [PREFACE, data].concat();
    let whole = passed(&sent, sent.len());
    assert!(whole.len() <= sent.len());
    for at_a_time in [1, 7, 64] {
        assert!(passed(&sent, at_a_time) == whole);
    }
}

/// Sends a call to a face over an empty store. The first byte chooses which; where its highest bit
/// is not set, the rest is one message, otherwise the whole body.
///
/// # Panics
/// The runtime cannot be made.
pub fn fuzz_call(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let call = CALLS[usize::from(first & 0x7f) % CALLS.len()];
    let mut body = BytesMut::new();
    if first & 0x80 == 0 {
        body.put_u8(0);
        body.put_u32(u32::try_from(rest.len()).unwrap_or(u32::MAX));
    }
    body.put_slice(rest);
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O can always be made");
    runtime.block_on(async {
        let env = Env::simulated(0);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let mut service = EtcdServer::new(env, store, Options::new()).service();
        let request = http::Request::post(format!("/etcdserverpb.{call}"))
            .header("content-type", "application/grpc")
            .body(Full::from(body.freeze()))
            .expect("a request of constants");
        let Ok(response) = service.call(request).await;
        drain(response.into_body());
    });
}

/// Takes what is there of a body; a watch has no end.
fn drain(body: super::Body) {
    let mut body = pin!(body);
    let mut context = Context::from_waker(Waker::noop());
    while !body.is_end_stream()
        && let Poll::Ready(Some(Ok(_))) = body.as_mut().poll_frame(&mut context)
    {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn hostile_requests_do_no_harm() {
        let found = orchestrator_core::fuzzing::driver::run(super::TARGETS, 1, 150);
        assert_eq!(found, Ok(()));
    }
}
