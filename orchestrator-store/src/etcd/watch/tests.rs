//! The board against a server that is played by hand.

use std::task::{Poll, Waker};
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::store::{KeyRange, Revision, StoreError, WatchUpdate};
use tokio::time::Instant;

use super::board::{Board, Key, Verdict};
use super::watcher::{Taken, Watcher};
use crate::etcd::keys::Prefix;
use crate::proto::etcd as wire;
use crate::proto::etcd::watch_request::RequestUnion;

struct Play {
    board: Board,
    now: Instant,
}

impl Play {
    fn new() -> Self {
        Self { board: Board::new(Prefix::default()), now: Env::system().instant() }
    }

    fn watch(&mut self, from: u64, every: Option<Duration>) -> Key {
        let keys = Prefix::default().range(&KeyRange::prefix("")).expect("a good range");
        self.board.add(Watcher::new(keys, Revision::new(from), every, self.now))
    }

    /// What is asked of the server, as `+id@start`, `-id` and `?`.
    fn asked(&mut self) -> String {
        let shown = |request: wire::WatchRequest| match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => {
                format!("+{}@{}", create.watch_id, create.start_revision)
            }
            Some(RequestUnion::CancelRequest(cancel)) => format!("-{}", cancel.watch_id),
            Some(RequestUnion::ProgressRequest(_)) => "?".into(),
            None => "nothing".into(),
        };
        self.board.requests().into_iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    fn says(&mut self, message: wire::WatchResponse) -> Verdict {
        self.board.message(message, true, self.now, &mut Vec::new())
    }

    fn created(&mut self, id: i64, revision: i64) {
        let message = wire::WatchResponse { created: true, ..answer(id, revision) };
        assert_eq!(self.says(message), Verdict::Keep);
    }

    fn changed(&mut self, id: i64, revision: i64) {
        let kv = wire::KeyValue {
            key: "a".into(),
            create_revision: revision,
            mod_revision: revision,
            version: 1,
            ..wire::KeyValue::default()
        };
        let event = wire::Event { kv: Some(kv), ..wire::Event::default() };
        let message = wire::WatchResponse { events: vec![event], ..answer(id, revision) };
        assert_eq!(self.says(message), Verdict::Keep);
    }

    fn seen(&mut self, key: Key) -> String {
        let mut seen = Vec::new();
        loop {
            match self.board.take(key, Waker::noop()) {
                Taken::Update(WatchUpdate::Events { revision, .. }) => {
                    seen.push(revision.to_string());
                }
                Taken::Update(WatchUpdate::Progress(revision)) => {
                    seen.push(format!("to {revision}"))
                }
                Taken::End(error) => {
                    seen.push(error.to_string());
                    return seen.join(", ");
                }
                Taken::Nothing { .. } => return seen.join(", "),
            }
        }
    }
}

fn answer(id: i64, revision: i64) -> wire::WatchResponse {
    let header = wire::ResponseHeader { revision, ..wire::ResponseHeader::default() };
    wire::WatchResponse { header: Some(header), watch_id: id, ..wire::WatchResponse::default() }
}

#[test]
fn a_broken_stream_goes_on_where_each_watch_stopped() {
    let mut play = Play::new();
    let (one, other) = (play.watch(5, None), play.watch(9, None));
    assert_eq!(play.asked(), "+1@5 +2@9");
    assert!(play.board.poll_accepted(one, Waker::noop()).is_pending());
    play.created(1, 8);
    assert!(matches!(play.board.poll_accepted(one, Waker::noop()), Poll::Ready(Ok(()))));
    play.changed(1, 7);
    play.board.disconnect(None);
    assert!(play.board.needs_stream());
    assert_eq!(play.asked(), "+3@8 +4@9", "under new numbers");
    play.changed(1, 8);
    play.changed(3, 8);
    assert_eq!((play.seen(one), play.seen(other)), ("7, 8".into(), String::new()));
    play.board.remove(other);
    assert_eq!(play.asked(), "-4");
    play.changed(4, 9);
    assert!(!play.board.needs_stream());
}

#[test]
fn a_server_that_forgets_the_last_deletion_is_asked_from_one_revision_earlier() {
    let mut play = Play::new();
    play.board.be_early(true);
    let key = play.watch(5, None);
    assert_eq!(play.asked(), "+1@4");
    play.created(1, 8);
    for revision in 4..=6 {
        play.changed(1, revision);
    }
    assert_eq!(play.seen(key), "5, 6");
}

#[test]
fn compaction_and_denial_end_a_watch_and_other_ends_do_not() {
    let mut play = Play::new();
    let keys = [play.watch(5, None), play.watch(5, None), play.watch(5, None)];
    assert_eq!(play.asked(), "+1@5 +2@5 +3@5");
    play.created(1, 9);
    let gone = wire::WatchResponse { canceled: true, compact_revision: 8, ..answer(1, 9) };
    assert_eq!(play.says(gone), Verdict::Keep);
    assert_eq!(play.seen(keys[0]), "revision 5 is compacted, the oldest is 8");
    let denied = wire::WatchResponse {
        created: true,
        canceled: true,
        cancel_reason: "etcdserver: permission denied".into(),
        ..answer(-1, 9)
    };
    assert_eq!(play.says(denied), Verdict::Keep);
    let ended = play.board.poll_accepted(keys[1], Waker::noop());
    assert!(matches!(ended, Poll::Ready(Err(StoreError::Invalid("permission denied")))));
    let odd = wire::WatchResponse {
        canceled: true,
        cancel_reason: "something else".into(),
        ..answer(3, 9)
    };
    assert_eq!(play.says(odd), Verdict::Restart);
    assert_eq!(play.asked(), "+4@5");
    assert_eq!(play.seen(keys[2]), "");
}

#[test]
fn progress_is_asked_for_when_due_and_again_while_no_answer_comes() {
    let mut play = Play::new();
    let second = Duration::from_secs(1);
    let (told, silent) = (play.watch(10, Some(second)), play.watch(10, None));
    play.asked();
    play.created(1, 9);
    play.created(2, 9);
    assert_eq!(play.board.next_due(), Some(play.now + second));
    play.now += second;
    play.board.tick(play.now, true, &mut Vec::new());
    assert_eq!(play.asked(), "?");
    let again = play.board.next_due().expect("it is asked again") - play.now;
    assert!(again < second, "{again:?}");
    play.says(answer(-1, 12));
    assert_eq!((play.seen(told), play.seen(silent)), ("to 12".into(), String::new()));
    play.now += again;
    play.board.tick(play.now, true, &mut Vec::new());
    assert_eq!(play.asked(), "", "the answer came");
    play.board.demand_progress(&[], play.now);
    play.board.tick(play.now, true, &mut Vec::new());
    assert_eq!(play.asked(), "?", "a demand is asked at once");
    play.board.disconnect(None);
    assert_eq!(play.asked(), "+3@13 +4@13", "both go on after what is known");
}

#[test]
fn a_watcher_on_demand_is_told_when_somebody_asks_and_never_by_itself() {
    let mut play = Play::new();
    let key = play.watch(10, Some(Duration::MAX));
    play.asked();
    play.created(1, 9);
    assert_eq!(play.board.next_due(), None);
    play.board.demand_progress(&[], play.now);
    play.board.tick(play.now, true, &mut Vec::new());
    assert_eq!(play.asked(), "?");
    play.says(answer(-1, 12));
    assert_eq!(play.seen(key), "to 12");
    play.now += Duration::from_secs(3600);
    play.board.tick(play.now, true, &mut Vec::new());
    assert_eq!((play.asked(), play.board.next_due()), (String::new(), None));
}

#[test]
fn a_server_that_may_not_be_asked_tells_progress_in_its_own_time() {
    let mut play = Play::new();
    let second = Duration::from_secs(1);
    let key = play.watch(10, Some(second));
    play.asked();
    play.created(1, 9);
    play.says(answer(1, 11));
    assert_eq!(play.seen(key), "", "it is not due");
    play.now += second;
    play.board.tick(play.now, false, &mut Vec::new());
    assert_eq!((play.seen(key).as_str(), play.asked().as_str()), ("to 11", ""));
    play.now += second;
    play.board.tick(play.now, false, &mut Vec::new());
    assert_eq!(play.seen(key), "", "nothing new is known");
    play.says(answer(1, 11));
    assert_eq!(play.seen(key), "to 11", "told when it is");
}
