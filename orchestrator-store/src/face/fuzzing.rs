//! Fuzz targets: what a client may send, as plain functions from bytes.
//!
//! A target must neither panic nor hang, whatever the bytes.

use bytes::Bytes;
use orchestrator_core::Env;
use prost::Message;

use super::{check, request};
use crate::mvcc::{Limits, Mvcc};
use crate::proto::etcd as pb;

/// Decodes a transaction, checks it, translates it and applies it to a small store.
pub fn txn(data: &[u8]) {
    let Ok(asked) = pb::TxnRequest::decode(Bytes::copy_from_slice(data)) else { return };
    if check::txn(&asked).is_err() {
        return;
    }
    let mut mvcc = Mvcc::new(Limits::default());
    if let Ok(done) = mvcc.txn(request::txn(&asked)) {
        let answer = super::reply::txn(&asked, done, pb::ResponseHeader::default());
        let steps = if answer.succeeded { asked.success.len() } else { asked.failure.len() };
        assert_eq!(answer.responses.len(), steps);
    }
}

/// Decodes and translates a range, and reads from a small store.
pub fn range(data: &[u8]) {
    let Ok(asked) = pb::RangeRequest::decode(Bytes::copy_from_slice(data)) else { return };
    if check::range(&asked).is_err() {
        return;
    }
    let mvcc = Mvcc::new(Limits::default());
    if let Ok(found) = mvcc.range(&request::range(&asked)) {
        super::reply::range(&asked, found, pb::ResponseHeader::default()).encode_to_vec();
    }
}

/// A server over `engine` for targets that speak HTTP/2 to it.
pub fn server(engine: std::sync::Arc<dyn crate::Operator>) -> super::EtcdService {
    super::EtcdServer::new(Env::simulated(0), engine, super::Options::new()).service()
}
