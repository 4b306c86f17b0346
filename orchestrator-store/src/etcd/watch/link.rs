//! The stream that carries all watches of a store, opened again when it breaks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Streaming;

use super::Shared;
use super::board::{Board, Verdict};
use super::version::Traits;
use crate::etcd::endpoint::Endpoint;
use crate::proto::etcd as wire;

/// How many requests are on their way to the server before the others wait.
const REQUESTS: usize = 64;

/// How long a token counts as new: etcd forgets one that is not used for a time, of minutes as a
/// rule. A watch that is refused later than this is tried again with another token.
const FRESH: Duration = Duration::from_secs(2);

/// How often idle watches are told how far they are, so that a broken stream does not make them go
/// back to where compaction has been.
const REFRESH: Duration = Duration::from_secs(60);

/// Why a stream ended.
enum Ended {
    /// It broke.
    Failed(String),
    /// It is to be opened again with a new token.
    Restart,
    /// It was not opened: those that wanted it are gone.
    Idle,
}

/// Keeps a stream open as soon as somebody watches.
pub(super) async fn run(shared: Arc<Shared>) {
    let client = &shared.client;
    loop {
        while !shared.board.lock().needs_stream() {
            shared.work.notified().await;
        }
        let Some(endpoint) = client.endpoints.choose(client.deadline()).await else { continue };
        // The token of a stream is looked at with each new watch on it, long after it was sent.
        client.forget_token(0);
        let ended = serve(&shared, endpoint).await;
        let why = match ended {
            Ended::Idle => continue,
            Ended::Restart => None,
            Ended::Failed(why) => Some(why),
        };
        client.endpoints.failed(endpoint);
        tracing::debug!(endpoint = %endpoint.uri, why, "stream of watches ended");
        shared.board.lock().disconnect(why);
    }
}

/// One stream, from its opening to its end.
async fn serve(shared: &Shared, endpoint: &Endpoint) -> Ended {
    let client = &shared.client;
    let opened = client.env.instant();
    let version = match client.status_of(endpoint, client.deadline()).await {
        Ok(status) => status.version,
        Err(error) => return Ended::Failed(error.text()),
    };
    let traits = Traits::of(&version);
    shared.board.lock().be_early(!traits.last_deletion);
    let mut line = Line {
        outbox: shared.board.lock().requests().into(),
        asks: traits.true_progress,
        opened,
        refresh: opened + REFRESH,
    };
    let Some(first) = line.outbox.pop_front() else { return Ended::Idle };
    let (requests, receiver) = mpsc::channel(REQUESTS);
    requests.try_send(first).expect("the channel is empty and its receiver is here");
    match client.open_watch(endpoint, receiver).await {
        Ok(stream) => line.run(shared, endpoint, requests, stream).await,
        Err(error) => Ended::Failed(error.text()),
    }
}

/// An open stream.
struct Line {
    outbox: VecDeque<wire::WatchRequest>,
    /// Whether progress can be asked for.
    asks: bool,
    opened: Instant,
    /// When all are told next how far they are.
    refresh: Instant,
}

impl Line {
    async fn run(
        mut self,
        shared: &Shared,
        endpoint: &Endpoint,
        requests: mpsc::Sender<wire::WatchRequest>,
        mut stream: Streaming<wire::WatchResponse>,
    ) -> Ended {
        let env = &shared.client.env;
        loop {
            let due =
                shared.board.lock().next_due().map_or(self.refresh, |at| at.min(self.refresh));
            // What comes from here is finite and goes first; what comes from there may never end.
            tokio::select! {
                biased;
                () = shared.work.notified() => {}
                permit = requests.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        permit.send(self.outbox.pop_front().expect("the outbox is not empty"));
                    }
                    Err(_) => return Ended::Failed("the stream takes no more requests".into()),
                },
                () = env.sleep_until(due) => self.tick(shared),
                message = stream.message() => match message {
                    Ok(Some(message)) => {
                        let now = env.instant();
                        let young = now < self.opened + FRESH;
                        // Not before: where each stream soon ends, they come ever more slowly.
                        if !young {
                            endpoint.works();
                        }
                        let fresh = young || !shared.client.has_login();
                        let take = |board: &mut Board, wakers: &mut Vec<_>| {
                            board.message(message, fresh, now, wakers)
                        };
                        if shared.with(take) == Verdict::Restart {
                            return Ended::Restart;
                        }
                    }
                    Ok(None) => return Ended::Failed("the server ended the stream".into()),
                    Err(status) => return Ended::Failed(status.message().to_owned()),
                },
            }
            self.outbox.extend(shared.board.lock().requests());
        }
    }

    fn tick(&mut self, shared: &Shared) {
        let now = shared.client.env.instant();
        shared.with(|board, wakers| board.tick(now, self.asks, wakers));
        if now >= self.refresh {
            self.refresh = now + REFRESH;
            if self.asks {
                shared.board.lock().ask();
            }
        }
    }
}
