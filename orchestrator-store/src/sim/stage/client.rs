//! A client: does its steps one after the other, and remembers what it saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::Value;
use orchestrator_core::env::Tasks;
use orchestrator_core::store::{
    Compare, Key, KeyRange, KeyValue, LeaseId, LeaseOp, Op, Put, Range, Revision, StoreError, Txn,
    WatchRequest,
};

use super::member::Life;
use super::{Stage, mix};
use crate::operator::Operator;
use crate::sim::coverage::Thing;
use crate::sim::history::{Answer, Request, Seen};
use crate::sim::plan::{Action, Step};

/// How long a client waits for an answer before it gives the call up.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a client waits for a member that is down before it takes the next step.
const DOWN_PATIENCE: Duration = Duration::from_millis(300);

/// Does `steps`, as far as it comes until `end`.
pub(super) async fn run(stage: Arc<Stage>, number: usize, steps: Vec<Step>, end: Duration) {
    let mut client = Client::new(stage, number);
    for step in steps {
        client.stage.env.sleep(step.pause).await;
        if client.stage.at() >= end {
            return;
        }
        client.step(&step).await;
    }
    // Its watches end with it.
    let left = end.saturating_sub(client.stage.at());
    client.stage.env.sleep(left).await;
}

/// What a client knows.
pub(super) struct Client {
    stage: Arc<Stage>,
    number: usize,
    /// When each key was last changed, as the client saw it last.
    seen: BTreeMap<Key, Revision>,
    newest: Revision,
    lease: LeaseId,
    watches: Tasks,
}

impl Client {
    pub(super) fn new(stage: Arc<Stage>, number: usize) -> Self {
        Self {
            stage,
            number,
            seen: BTreeMap::new(),
            newest: Revision::ZERO,
            lease: 0,
            watches: Tasks::new(),
        }
    }

    async fn step(&mut self, step: &Step) {
        let Some(life) = self.life(step.place).await else { return };
        if let Action::Watch { key, back, lasting, progress } = &step.action {
            let keys = key.map_or_else(|| KeyRange::prefix("k/"), |key| KeyRange::key(plain(key)));
            let from = if *back == 0 { Revision::ZERO } else { self.back(*back) };
            let request = WatchRequest { progress: *progress, ..WatchRequest::new(keys, from) };
            let watch = watch(Arc::clone(&self.stage), step.place, life, request, *lasting);
            self.watches.push(self.stage.env.spawn("watcher", watch));
            return;
        }
        let Some(request) = self.request(step) else { return };
        self.call(step.place, &life, request).await;
    }

    /// The present life of a member; waits a little for one that is down.
    async fn life(&self, place: usize) -> Option<Arc<Life>> {
        let member = &self.stage.members[place];
        if let Some(life) = member.life() {
            return Some(life);
        }
        tokio::select! {
            biased;
            () = member.changed() => member.life(),
            () = self.stage.env.sleep(DOWN_PATIENCE) => None,
        }
    }

    /// Makes a call and writes down what came of it; true if it was done.
    pub(super) async fn call(&mut self, place: usize, life: &Life, request: Request) -> bool {
        let index = self.stage.begin(self.number, place, request.clone());
        let answer = tokio::select! {
            biased;
            () = life.ended() => Answer::Unknown,
            answer = life.env.hosted(ask(&*life.store, request.clone())) => answer,
            () = self.stage.env.sleep(PATIENCE) => Answer::Unknown,
        };
        let line = show(&answer);
        self.stage.note(format_args!("client {} at {place} call {index}: {line}", self.number));
        self.count(&request, &answer);
        self.learn(&request, &answer);
        let done = !matches!(answer, Answer::Unknown | Answer::Refused(_));
        self.stage.end(index, answer);
        if done && self.stage.members[place].answered() {
            self.stage.saw(Thing::PowerAtAnswer);
        }
        done
    }

    /// What a step asks; `None` where it makes no sense now.
    fn request(&self, step: &Step) -> Option<Request> {
        let then = |then| Some(Request::Txn(Txn { then, ..Txn::default() }));
        match &step.action {
            Action::Put { key, swap, size } => {
                let put = self.put(plain(*key), step, *size);
                Some(Request::Txn(if *swap { self.swap(put) } else { just(put) }))
            }
            Action::PutLeased { key } if self.lease != 0 => {
                let key = Key::from(format!("lease/{key}"));
                let Op::Put(put) = self.put(key, step, 20) else { return None };
                then(vec![Op::Put(Put { lease: Some(self.lease), ..put })])
            }
            Action::PutMany { first, count } => {
                let put = |key| self.put(plain(key), step, 24);
                then((*first..first + count).map(put).collect())
            }
            Action::Delete { key } => then(vec![Op::Delete(KeyRange::key(plain(*key)))]),
            Action::Clear { key } => {
                // Not "k/": a key is not put and deleted in one transaction.
                let put = self.put(Key::from(format!("cleared/{key}")), step, 16);
                then(vec![Op::Delete(KeyRange::prefix("k/")), put])
            }
            Action::Get { key, serializable } => {
                let range = Range::new(KeyRange::key(plain(*key)));
                Some(Request::Range(Range { serializable: *serializable, ..range }))
            }
            Action::List { back, serializable } => {
                let revision = if *back == 0 { Revision::ZERO } else { self.back(*back) };
                let range = Range::new(KeyRange::prefix("k/"));
                Some(Request::Range(Range { revision, serializable: *serializable, ..range }))
            }
            Action::Grant { ttl } => {
                let id = LeaseId::try_from(self.number * 100_000).expect("a small number");
                let id = id + LeaseId::from(step.number) + 1;
                Some(Request::Lease(LeaseOp::Grant { id, ttl: *ttl }))
            }
            Action::KeepAlive if self.lease != 0 => {
                Some(Request::Lease(LeaseOp::KeepAlive(self.lease)))
            }
            Action::Revoke if self.lease != 0 => Some(Request::Lease(LeaseOp::Revoke(self.lease))),
            Action::Describe if self.lease != 0 => {
                Some(Request::Lease(LeaseOp::Describe(self.lease)))
            }
            Action::Compact { back } => {
                // Not beyond what some auditor has been given, or nobody could tell what was there.
                let audited = self.stage.members.iter().map(|member| member.audited()).max();
                let audited = audited.map_or(0, |next| next.get().saturating_sub(1));
                let revision = self.back(*back).get().min(audited);
                (revision > 1).then(|| Request::Compact(Revision::new(revision)))
            }
            _ => None,
        }
    }

    fn put(&self, key: Key, step: &Step, size: u16) -> Op {
        Op::Put(Put::new(key, unique(self.number, step.number, size)))
    }

    /// `put`, if its key is as the client saw it last; otherwise it reads the key.
    fn swap(&self, put: Op) -> Txn {
        let Op::Put(Put { key, .. }) = &put else { return just(put) };
        let expected = self.seen.get(key).copied().unwrap_or_default();
        let reread = Op::Range(Range::new(KeyRange::key(key.clone())));
        let compare = vec![Compare::mod_revision(key.clone(), expected)];
        Txn { compare, then: vec![put], otherwise: vec![reread] }
    }

    /// So many revisions before the newest that the client knows.
    fn back(&self, back: u8) -> Revision {
        Revision::new(self.newest.get().saturating_sub(u64::from(back)).max(1))
    }

    fn count(&self, request: &Request, answer: &Answer) {
        let thing = match (request, answer) {
            (_, Answer::Unknown) => Thing::Unknown,
            (_, Answer::Refused(_)) => Thing::Refused,
            (_, Answer::Txn(done)) if done.succeeded => Thing::Wrote,
            (_, Answer::Txn(_)) => Thing::ConditionFailed,
            (_, Answer::Compacted) => Thing::Compacted,
            (Request::Range(range), _) if range.serializable => Thing::ReadSerializable,
            (Request::Range(range), _) if !range.revision.is_zero() => Thing::ReadPast,
            (Request::Lease(LeaseOp::Grant { .. }), _) => Thing::Granted,
            (Request::Lease(LeaseOp::KeepAlive(_)), _) => Thing::KeptAlive,
            (Request::Lease(LeaseOp::Revoke(_)), _) => Thing::Revoked,
            _ => Thing::Read,
        };
        self.stage.saw(thing);
    }

    fn learn(&mut self, request: &Request, answer: &Answer) {
        self.newest = self.newest.max(answer.revision().unwrap_or_default());
        match (request, answer) {
            (Request::Range(range), Answer::Range(found)) if range.revision.is_zero() => {
                found.kvs.iter().for_each(|kv| self.see(kv));
            }
            (Request::Txn(txn), Answer::Txn(done)) if done.succeeded => {
                for op in &txn.then {
                    if let Op::Put(put) = op {
                        self.seen.insert(put.key.clone(), done.revision);
                    }
                }
            }
            (Request::Txn(_), Answer::Txn(done)) => {
                for result in &done.results {
                    if let orchestrator_core::store::OpResult::Range(found) = result {
                        found.kvs.iter().for_each(|kv| self.see(kv));
                    }
                }
            }
            (Request::Lease(LeaseOp::Grant { id, .. }), Answer::Lease(_)) => self.lease = *id,
            (Request::Lease(LeaseOp::Revoke(_)), _) => self.lease = 0,
            _ => {}
        }
    }

    fn see(&mut self, kv: &KeyValue) {
        self.seen.insert(kv.key.clone(), kv.mod_revision);
    }
}

/// A value that nobody else writes.
pub(super) fn unique(client: usize, number: u32, size: u16) -> Value {
    let mut bytes = format!("{client}.{number} ").into_bytes();
    let mut filling = fastrand::Rng::with_seed(mix(client as u64, u64::from(number)));
    while bytes.len() < usize::from(size) {
        bytes.push(filling.u8(b'a'..=b'z'));
    }
    Value::from_bytes(bytes)
}

fn plain(key: u8) -> Key {
    Key::from(format!("k/{key}"))
}

fn just(op: Op) -> Txn {
    Txn { then: vec![op], ..Txn::default() }
}

/// Asks a store.
async fn ask(store: &dyn Operator, request: Request) -> Answer {
    let answer = match request {
        Request::Txn(txn) => store.txn(txn).await.map(Answer::Txn),
        Request::Range(range) => store.range(range).await.map(Answer::Range),
        Request::Lease(op) => store.lease(op).await.map(Answer::Lease),
        Request::Compact(revision) => store.compact(revision).await.map(|()| Answer::Compacted),
    };
    match answer {
        Ok(answer) => answer,
        Err(StoreError::Unknown(_)) => Answer::Unknown,
        Err(error) => Answer::Refused(Arc::new(error)),
    }
}

/// From where on a watch of what comes next owes something, by its first item.
fn first_owed(seen: &Seen) -> Revision {
    match seen {
        Seen::Events(revision, _) => *revision,
        Seen::Progress(revision) => revision.next(),
    }
}

/// An answer in a few words.
fn show(answer: &Answer) -> String {
    match answer {
        Answer::Txn(done) => format!("txn {} {}", done.revision, done.succeeded),
        Answer::Range(found) => format!("range {} {}", found.revision, found.count),
        Answer::Lease(infos) => format!("lease {:?}", infos.first().map(|info| info.id)),
        Answer::Compacted => "compacted".to_owned(),
        Answer::Refused(error) => format!("refused: {error}"),
        Answer::Unknown => "unknown".to_owned(),
    }
}

/// Watches for `lasting`, or until the member's life ends.
async fn watch(
    stage: Arc<Stage>,
    place: usize,
    life: Arc<Life>,
    request: WatchRequest,
    lasting: Duration,
) {
    let deadline = stage.env.instant() + lasting;
    let started = tokio::select! {
        biased;
        () = life.ended() => return,
        started = life.env.hosted(life.store.watch(request.clone())) => started,
        () = stage.env.sleep_until(deadline) => return,
    };
    let Ok(mut stream) = started else { return };
    let newest = stage.stamp();
    let mut watch = None;
    loop {
        let item = tokio::select! {
            biased;
            () = life.ended() => return,
            item = life.env.hosted(stream.next()) => item,
            () = stage.env.sleep_until(deadline) => return,
        };
        let Some(Ok(update)) = item else { return };
        let seen = Seen::from(update);
        let watch = *watch.get_or_insert_with(|| {
            let from = if request.from.is_zero() { first_owed(&seen) } else { request.from };
            let mut record = stage.record.lock();
            let index = record.history.watch(place, request.keys.clone(), from, newest.at);
            record.history.watches[index].begun = newest;
            record.history.watches[index].open = request.from.is_zero();
            record.coverage.saw(Thing::Watched);
            index
        });
        stage.note(format_args!("watch {watch} at {place}: {}", seen.revision()));
        stage.item(watch, seen);
    }
}
