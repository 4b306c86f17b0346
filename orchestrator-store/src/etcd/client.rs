//! One call: an endpoint, a token, a time to end, and what is done when it fails.
//!
//! A read is repeated elsewhere until its time is over. A write is repeated only where it certainly
//! did not happen: no connection was made, or the answer was that it is somebody else's to do. A
//! write that was sent and not answered is [`CallError::Unknown`]. As a member that hangs, or has
//! not found its leader after a restart, takes connections like any other, one that failed is asked
//! how it is before anything else is sent to it.

use std::future::Future;
use std::time::Duration;

use orchestrator_core::Env;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status, Streaming};

use super::auth::{HEADER, Login, Token};
use super::endpoint::{Endpoint, Endpoints};
use super::error::{CallError, Failure, Refusal, TimedOut, classify};
use super::rpc::Rpc;
use crate::proto::etcd as wire;
use crate::proto::etcd::watch_client::WatchClient;

/// Tells a member to end a stream when it has lost its leader, so that another is asked.
const HAS_LEADER: (&str, &str) = ("hasleader", "true");

/// The longest message of a watch: etcd cuts its own at some 2 MiB where it may.
const MAX_WATCH_BYTES: usize = 64 << 20;

/// How long a member may take to say how it is, or to begin a stream: it asks nobody for that.
const PROBE: Duration = Duration::from_secs(2);

/// What speaks to etcd.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) env: Env,
    pub(super) endpoints: Endpoints,
    login: Option<Login>,
    /// How long a call may take with all its attempts.
    pub(super) request_time: Duration,
    in_flight: Semaphore,
}

/// Whether a call may be repeated when its fate is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

impl Client {
    pub(super) fn new(
        env: Env,
        endpoints: Endpoints,
        login: Option<Login>,
        request_time: Duration,
        in_flight: usize,
    ) -> Self {
        let in_flight = Semaphore::new(in_flight);
        Self { env, endpoints, login, request_time, in_flight }
    }

    /// Whether it has a name and a password.
    pub(super) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// When a call that begins now must be over.
    pub(super) fn deadline(&self) -> Instant {
        self.env.instant() + self.request_time
    }

    /// Calls something that may be done twice.
    pub(super) async fn read<Q: Rpc>(&self, request: Q) -> Result<Q::Answer, CallError> {
        self.call(request, Kind::Read).await
    }

    /// Calls something that must not be done twice.
    pub(super) async fn write<Q: Rpc>(&self, request: Q) -> Result<Q::Answer, CallError> {
        self.call(request, Kind::Write).await
    }

    /// Calls one endpoint, once.
    pub(super) async fn once_at<Q: Rpc>(
        &self,
        endpoint: &Endpoint,
        request: Q,
    ) -> Result<Q::Answer, CallError> {
        let deadline = self.deadline();
        let (token, _) = self.token(deadline).await?;
        match self.attempt(endpoint, request, token, deadline).await {
            Ok(answer) => Ok(answer),
            Err(Failure::Refused(refusal)) => Err(CallError::Refused(refusal)),
            Err(Failure::Unsent(status)) => Err(CallError::Unavailable(status.into())),
            Err(Failure::Lost(status)) => Err(CallError::Unknown(status.into())),
        }
    }

    /// How the member at `endpoint` is; one that knows no leader is as good as gone.
    pub(super) async fn status_of(
        &self,
        endpoint: &Endpoint,
        deadline: Instant,
    ) -> Result<wire::StatusResponse, CallError> {
        let (token, _) = self.token(deadline).await?;
        let ends = deadline.min(self.env.instant() + PROBE);
        match self.attempt(endpoint, wire::StatusRequest {}, token, ends).await {
            Ok(status) if status.leader == 0 => {
                Err(CallError::Unavailable("the member knows no leader".into()))
            }
            Ok(status) => Ok(status),
            Err(Failure::Refused(refusal)) => Err(CallError::Refused(refusal)),
            Err(Failure::Unsent(status) | Failure::Lost(status)) => {
                Err(CallError::Unavailable(status.into()))
            }
        }
    }

    async fn call<Q: Rpc>(&self, request: Q, kind: Kind) -> Result<Q::Answer, CallError> {
        let deadline = self.deadline();
        let permit = self.until(deadline, self.in_flight.acquire()).await;
        let _permit = permit.ok_or_else(CallError::timed_out)?.expect("it is never closed");
        let mut last = None;
        let mut renewed = false;
        loop {
            let (token, number) = self.token(deadline).await?;
            let Some(endpoint) = self.endpoints.choose(deadline).await else {
                return Err(CallError::Unavailable(last.unwrap_or_else(|| TimedOut.into())));
            };
            if endpoint.is_doubtful()
                && let Err(error) = self.status_of(endpoint, deadline).await
            {
                last = Some(error.text().into());
                self.endpoints.failed(endpoint);
                continue;
            }
            let ends = self.turn_ends(kind, deadline);
            let failure = match self.attempt(endpoint, request.clone(), token, ends).await {
                Ok(answer) => {
                    endpoint.works();
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Refused(Refusal::BadToken) if !renewed && self.has_login() => {
                    renewed = true;
                    self.forget_token(number);
                    continue;
                }
                Failure::Refused(Refusal::Elsewhere) => {
                    last = Some("etcd has too much to do, or cannot do it".into());
                }
                Failure::Refused(refusal) => return Err(CallError::Refused(refusal)),
                Failure::Lost(status) if kind == Kind::Write => {
                    self.endpoints.failed(endpoint);
                    return Err(CallError::Unknown(status.into()));
                }
                Failure::Lost(status) | Failure::Unsent(status) => last = Some(status.into()),
            }
            self.endpoints.failed(endpoint);
        }
    }

    /// Sends `request` once, and gives up on it at `ends`.
    async fn attempt<Q: Rpc>(
        &self,
        endpoint: &Endpoint,
        request: Q,
        token: Option<Token>,
        ends: Instant,
    ) -> Result<Q::Answer, Failure> {
        let mut request = Request::new(request);
        if let Some(token) = token {
            request.metadata_mut().insert(HEADER, token);
        }
        let call = Q::send(request, endpoint.calls.clone());
        match self.until(ends, call).await {
            Some(Ok(answer)) => Ok(answer.into_inner()),
            Some(Err(status)) => Err(classify(status)),
            None => Err(Failure::Lost(Status::from_error(TimedOut.into()))),
        }
    }

    /// Until when one endpoint may take: half of what is left where others can be asked as well.
    fn turn_ends(&self, kind: Kind, deadline: Instant) -> Instant {
        if kind == Kind::Write || self.endpoints.all().len() == 1 {
            return deadline;
        }
        let now = self.env.instant();
        now + deadline.saturating_duration_since(now) / 2
    }

    /// Opens a stream of watches at `endpoint`; what it is to watch comes from `requests`, of
    /// which the first must be there: the server does not open its side before it has something
    /// to say.
    pub(super) async fn open_watch(
        &self,
        endpoint: &Endpoint,
        requests: tokio::sync::mpsc::Receiver<wire::WatchRequest>,
    ) -> Result<Streaming<wire::WatchResponse>, CallError> {
        let deadline = self.deadline();
        let (token, _) = self.token(deadline).await?;
        let mut request = Request::new(ReceiverStream::new(requests));
        let has_leader = MetadataValue::from_static(HAS_LEADER.1);
        request.metadata_mut().insert(HAS_LEADER.0, has_leader);
        if let Some(token) = token {
            request.metadata_mut().insert(HEADER, token);
        }
        let mut client =
            WatchClient::new(endpoint.streams.clone()).max_decoding_message_size(MAX_WATCH_BYTES);
        let ends = deadline.min(self.env.instant() + PROBE);
        match self.until(ends, client.watch(request)).await {
            Some(Ok(answer)) => Ok(answer.into_inner()),
            Some(Err(status)) => Err(CallError::Unavailable(status.into())),
            None => Err(CallError::timed_out()),
        }
    }

    /// Throws the token with this number away, 0 for the newest; the next call asks for another.
    pub(super) fn forget_token(&self, number: u64) {
        if let Some(login) = &self.login {
            login.forget(number);
        }
    }

    /// The token to send and its number.
    async fn token(&self, deadline: Instant) -> Result<(Option<Token>, u64), CallError> {
        let Some(login) = &self.login else { return Ok((None, 0)) };
        if let Some(held) = login.held() {
            return Ok(held);
        }
        let asking = self.until(deadline, login.asking.lock()).await;
        let _asking = asking.ok_or_else(CallError::timed_out)?;
        while login.held().is_none() {
            login.take(self.log_in(login, deadline).await?);
        }
        Ok(login.held().unwrap_or((None, 0)))
    }

    /// Asks for a token, of whoever answers.
    async fn log_in(&self, login: &Login, deadline: Instant) -> Result<Option<Token>, CallError> {
        let request = wire::AuthenticateRequest {
            name: login.user.clone(),
            password: login.password.clone(),
        };
        while let Some(endpoint) = self.endpoints.choose(deadline).await {
            let ends = self.turn_ends(Kind::Read, deadline);
            match self.attempt(endpoint, request.clone(), None, ends).await {
                Ok(answer) => {
                    endpoint.works();
                    let token = answer.token.parse();
                    let unreadable = || CallError::Unavailable("the token is unreadable".into());
                    return Ok(Some(token.map_err(|_| unreadable())?));
                }
                Err(Failure::Refused(Refusal::AuthDisabled)) => return Ok(None),
                Err(Failure::Refused(refusal)) if refusal != Refusal::Elsewhere => {
                    return Err(CallError::Refused(refusal));
                }
                Err(_) => self.endpoints.failed(endpoint),
            }
        }
        Err(CallError::timed_out())
    }

    /// Waits for `work` until `deadline`.
    pub(super) async fn until<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.env.sleep_until(deadline) => None,
        }
    }
}
