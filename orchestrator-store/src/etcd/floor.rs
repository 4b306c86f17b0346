//! The oldest revision that can be read, which etcd tells nobody who just asks.
//!
//! It can be found out, though: a read at a revision is refused where that is gone, and a watch
//! that starts before the oldest is ended with a response that names it. So the newest one known
//! is read again, which costs one short call, and only when that is refused a watch is opened to
//! learn the next. It never goes back, unless the cluster is another than before.

use std::sync::atomic::{AtomicU64, Ordering};

use orchestrator_core::store::Revision;
use tokio::sync::mpsc;

use super::client::Client;
use super::error::{CallError, Refusal};
use super::keys::Prefix;
use super::request::signed;
use super::response::{header_revision, revision};
use crate::proto::etcd as wire;
use crate::proto::etcd::watch_request::RequestUnion;

/// The revision of a store in which nothing was written.
const FIRST: u64 = 1;

/// How often the oldest may move on between the watch that learns it and the read that checks it.
const TRIES: usize = 4;

/// What is known of the oldest revision.
#[derive(Debug)]
pub(super) struct Floor(AtomicU64);

impl Floor {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(FIRST))
    }

    /// Notes that everything before `oldest` is gone.
    pub(super) fn raise(&self, oldest: Revision) {
        self.0.fetch_max(oldest.get(), Ordering::Relaxed);
    }

    /// The oldest revision that can be read now.
    pub(super) async fn find(
        &self,
        client: &Client,
        prefix: &Prefix,
    ) -> Result<Revision, CallError> {
        for _ in 0..TRIES {
            let known = Revision::new(self.0.load(Ordering::Relaxed));
            match client.read(probe(prefix, known)).await {
                Ok(_) => return Ok(known),
                Err(CallError::Refused(Refusal::Compacted)) => {
                    self.raise(learn(client, prefix, known).await?);
                }
                Err(CallError::Refused(Refusal::Future)) => self.0.store(FIRST, Ordering::Relaxed),
                Err(error) => return Err(error),
            }
        }
        Ok(Revision::new(self.0.load(Ordering::Relaxed)))
    }
}

/// The newest revision, of all members.
pub(super) async fn newest(client: &Client, prefix: &Prefix) -> Result<Revision, CallError> {
    let answer = client.read(probe(prefix, Revision::ZERO)).await?;
    Ok(header_revision(answer.header.as_ref()))
}

/// The cheapest read at `revision`.
fn probe(prefix: &Prefix, revision: Revision) -> wire::RangeRequest {
    wire::RangeRequest {
        key: prefix.probe(),
        count_only: true,
        revision: signed(revision),
        ..wire::RangeRequest::default()
    }
}

/// Watches from `gone`, which is no longer there, and is told what is.
async fn learn(client: &Client, prefix: &Prefix, gone: Revision) -> Result<Revision, CallError> {
    let deadline = client.deadline();
    let create = wire::WatchCreateRequest {
        key: prefix.probe(),
        start_revision: signed(gone),
        ..wire::WatchCreateRequest::default()
    };
    let request = wire::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let endpoint = client.endpoints.choose(deadline).await.ok_or_else(CallError::timed_out)?;
    // Held to the end: closing this side would tell the server that nobody listens.
    let (requests, receiver) = mpsc::channel(1);
    requests.try_send(request).expect("the channel is empty and its receiver is here");
    let mut stream = client.open_watch(endpoint, receiver).await?;
    loop {
        let message = client.until(deadline, stream.message()).await;
        match message.ok_or_else(CallError::timed_out)? {
            Ok(Some(told)) if told.compact_revision > 0 => {
                return Ok(revision(told.compact_revision));
            }
            Ok(Some(told)) if !told.canceled => {}
            Ok(_) => return Err(CallError::Unavailable("the watch tells nothing".into())),
            Err(status) => return Err(CallError::Unavailable(status.into())),
        }
    }
}
