//! One stream: requests come in, answers go out, one at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{AbortHandle, Abortable, BoxStream, Fuse, SelectAll, Stream};
use orchestrator_core::store::{self, Revision, StoreError, WatchUpdate};
use tonic::Status;

use super::demand::Demand;
use super::watcher::{self, Watcher};
use crate::face::encode::WatchAnswer;
use crate::face::{Face, fault, refused, request};
use crate::proto::etcd::watch_request::RequestUnion;
use crate::proto::etcd::{ResponseHeader, WatchCreateRequest, WatchRequest};

/// The id of no watcher, and of all.
pub(super) const NO_ID: i64 = -1;

/// The most watchers on one stream: enough for any client, some megabytes at the most.
const MAX_WATCHERS: usize = 16_384;

/// How many revisions are taken from the store at a time for one watcher.
const MAX_BATCH: usize = 64;

/// The interval of a watcher that is told of progress on demand only.
const ON_DEMAND: Duration = Duration::MAX;

/// What the store gave one watcher at a time.
type Batch = (i64, Vec<Result<WatchUpdate, StoreError>>);

/// A stream of requests that is being answered.
pub(crate) struct Session<R> {
    pub(super) face: Arc<Face>,
    requests: Fuse<R>,
    requests_ended: bool,
    /// Resolves when the stream must end for lack of a leader.
    leaderless: Option<BoxFuture<'static, ()>>,
    pub(super) watchers: BTreeMap<i64, Watcher>,
    batches: SelectAll<BoxStream<'static, Batch>>,
    next_id: i64,
    pub(super) demand: Option<Demand>,
    /// The newest revision of which changes were given out.
    pub(super) delivered: Revision,
    /// The header of all answers, but for the revision.
    pub(super) header: ResponseHeader,
    pub(super) out: VecDeque<WatchAnswer>,
}

/// What the session waits for.
enum Input {
    Request(Option<Result<WatchRequest, Status>>),
    Batch(Batch),
    Leaderless,
}

impl<R> Session<R>
where
    R: Stream<Item = Result<WatchRequest, Status>> + Unpin,
{
    pub(super) fn new(
        face: Arc<Face>,
        requests: R,
        leaderless: Option<BoxFuture<'static, ()>>,
    ) -> Self {
        Self {
            face,
            requests: requests.fuse(),
            requests_ended: false,
            leaderless,
            watchers: BTreeMap::new(),
            batches: SelectAll::new(),
            next_id: 0,
            demand: None,
            delivered: Revision::ZERO,
            header: ResponseHeader::default(),
            out: VecDeque::new(),
        }
    }

    /// The next answer.
    ///
    /// # Errors
    /// What the stream ends with.
    pub(super) async fn next(&mut self) -> Result<WatchAnswer, Status> {
        loop {
            if let Some(answer) = self.out.pop_front() {
                return Ok(answer);
            }
            match self.input().await {
                Input::Request(Some(asked)) => self.obey(asked?).await?,
                // The client has nothing more to ask, and still listens.
                Input::Request(None) => self.requests_ended = true,
                Input::Batch((id, updates)) => self.take(id, updates)?,
                Input::Leaderless => return Err(fault::NO_LEADER.into()),
            }
            self.settle_demand().await?;
        }
    }

    async fn input(&mut self) -> Input {
        let Self { requests, requests_ended, leaderless, batches, .. } = self;
        let leaderless = async {
            match leaderless {
                Some(leaderless) => leaderless.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = leaderless => Input::Leaderless,
            asked = requests.next(), if !*requests_ended => Input::Request(asked),
            Some(batch) = batches.next(), if !batches.is_empty() => Input::Batch(batch),
        }
    }

    async fn obey(&mut self, asked: WatchRequest) -> Result<(), Status> {
        match asked.request_union {
            Some(RequestUnion::CreateRequest(asked)) => self.create(&asked).await,
            Some(RequestUnion::CancelRequest(asked)) => self.cancel(asked.watch_id).await,
            Some(RequestUnion::ProgressRequest(_)) => self.demand_progress().await,
            None => Ok(()),
        }
    }

    async fn create(&mut self, asked: &WatchCreateRequest) -> Result<(), Status> {
        let newest = self.refresh().await?;
        let created = WatchAnswer { header: self.header, created: true, ..Default::default() };
        let id = match self.admit(asked) {
            Ok(id) => id,
            Err(cancel_reason) => {
                let refused =
                    WatchAnswer { watch_id: NO_ID, canceled: true, cancel_reason, ..created };
                self.out.push_back(refused);
                return Ok(());
            }
        };
        let from = request::revision(asked.start_revision);
        let from = if from.is_zero() { newest.next() } else { from };
        self.out.push_back(WatchAnswer { watch_id: id, ..created });
        let every = self.face.options.progress_interval;
        let progress = Some(if asked.progress_notify { every } else { ON_DEMAND });
        let wanted = store::WatchRequest { keys: watcher::keys(asked), from, progress };
        match self.face.store.watch(wanted).await {
            Ok(updates) => {
                let stream = self.follow(id, updates);
                self.add(id, Watcher::new(id, asked, from, every, stream));
            }
            Err(StoreError::Compacted { oldest, .. }) => self.end_compacted(id, oldest),
            Err(error) => return Err(refused(error)),
        }
        Ok(())
    }

    /// The id of the watcher that `asked` asks for, or why there is none.
    fn admit(&mut self, asked: &WatchCreateRequest) -> Result<i64, String> {
        if watcher::is_empty(&watcher::keys(asked)) {
            return Err("mvcc: watcher range is empty".to_owned());
        }
        if self.watchers.contains_key(&asked.watch_id) && asked.watch_id != 0 {
            return Err("mvcc: duplicate watch ID provided on the WatchStream".to_owned());
        }
        if asked.start_revision < 0 {
            return Err(Status::from(fault::COMPACTED).message().to_owned());
        }
        if self.watchers.len() >= MAX_WATCHERS {
            return Err(Status::from(fault::TOO_MANY_REQUESTS).message().to_owned());
        }
        if asked.watch_id != 0 {
            return Ok(asked.watch_id);
        }
        while self.watchers.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        Ok(self.next_id - 1)
    }

    /// Takes the changes of the watcher `id` from `updates` from now on, until aborted.
    fn follow(&mut self, id: i64, updates: store::WatchStream) -> AbortHandle {
        let (abort, registration) = AbortHandle::new_pair();
        let batches = updates.ready_chunks(MAX_BATCH).map(move |batch| (id, batch));
        self.batches.push(Abortable::new(batches, registration).boxed());
        abort
    }

    /// Adds a watcher; one that starts in the past must catch up before progress is told.
    fn add(&mut self, id: i64, watcher: Watcher) {
        if let Some(demand) = &mut self.demand
            && watcher.from <= demand.target
        {
            demand.include(id);
            self.face.store.demand_progress(std::slice::from_ref(&watcher.keys));
        }
        self.watchers.insert(id, watcher);
    }

    async fn cancel(&mut self, id: i64) -> Result<(), Status> {
        if self.forget(id) {
            self.refresh().await?;
            let header = self.header;
            let canceled =
                WatchAnswer { header, watch_id: id, canceled: true, ..Default::default() };
            self.out.push_back(canceled);
        }
        Ok(())
    }
}
