//! The wire messages and services of `proto/`, as compiled by the build script.
//!
//! A `bytes` field is a [`bytes::Bytes`]: it shares the buffer that its message came in.

/// The client API of etcd v3, whose messages the face answers and the adapter sends.
#[allow(missing_docs, clippy::all, reason = "generated; `proto/etcd.proto` documents it")]
pub mod etcd {
    tonic::include_proto!("etcdserverpb");
}

/// The envelope of the calls between members of the Raft engine.
#[allow(missing_docs, clippy::all, reason = "generated; `proto/raft.proto` documents it")]
#[cfg(feature = "raft")]
pub mod raft {
    tonic::include_proto!("orchestrator.raft.v1");
}
