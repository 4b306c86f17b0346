//! The state machine as openraft drives it: entries in, replies out, images now and then.
//!
//! What is applied depends on the entries alone: the store's time is stamped by the leader, and
//! never goes back here; limits and alarms are entries too. So all members have the same state
//! after the same entry.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine, Snapshot};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::commands::Commands;
use super::snapshot::{Builder, Image, Snapshots};
use super::state::State;
use super::types::{LogId, Payload, Proposal, Reply, Request, SnapshotMeta, StoredMembers, Types};
use super::witness::{Sight, Witness};
use crate::mvcc::{Applied, Command};
use crate::operator::{Alarm, AlarmKind, AlarmOp};
use crate::replica::Replica;
use crate::wire::WireError;
use orchestrator_core::store::{LeaseOp, StoreError};

/// One member's copy of what all agree on; the parts of it that others read.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) replica: Arc<Replica>,
    state: Mutex<State>,
    /// One more than the index applied last.
    next: AtomicU64,
    /// Those that wait for an entry to be applied, by its index.
    waiting: Mutex<BTreeMap<u64, Vec<oneshot::Sender<()>>>>,
    /// Wakes the keeper: a lease may be due earlier than it knows.
    pub(super) leases: Notify,
    /// Wakes the watch over the disk: alarms may have been cleared.
    pub(super) alarms: Notify,
    /// Bytes of commands applied since the last image.
    pub(super) since_image: AtomicU64,
    witness: Witness,
}

impl Copy {
    pub(super) fn new(replica: Arc<Replica>, state: State, witness: Witness) -> Self {
        let next = AtomicU64::new(state.next());
        Self {
            replica,
            state: Mutex::new(state),
            next,
            waiting: Mutex::default(),
            leases: Notify::new(),
            alarms: Notify::new(),
            since_image: AtomicU64::new(0),
            witness,
        }
    }

    /// Looks at what belongs to the state besides keys and leases.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock())
    }

    /// How many entries have been applied.
    pub(super) fn applied(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// Waits until the entry `index` has been applied.
    pub(super) async fn wait_applied(&self, index: u64) {
        let applied = {
            let mut waiting = self.waiting.lock();
            // Looked at under the lock, so that it is not told in between.
            if self.applied() > index {
                return;
            }
            let (sender, receiver) = oneshot::channel();
            waiting.entry(index).or_default().push(sender);
            receiver
        };
        // The sender is dropped only after it has told, for the copy outlives those that wait.
        let _ = applied.await;
    }

    fn tell_applied(&self, next: u64) {
        let mut waiting = self.waiting.lock();
        self.next.store(next, Ordering::SeqCst);
        while let Some(first) = waiting.first_entry()
            && *first.key() < next
        {
            for one in first.remove() {
                // It may have gone away.
                let _ = one.send(());
            }
        }
    }

    /// Applies one entry.
    fn apply(&self, log_id: LogId, payload: Payload) -> Reply {
        self.witness.applied(&log_id, &payload);
        match payload {
            Payload::Blank => {
                self.state.lock().last = Some(log_id);
                Reply::Done
            }
            Payload::Membership(members) => {
                self.state.lock().note_members(log_id, members);
                Reply::Done
            }
            Payload::Normal(Proposal { at, request }) => {
                let at = self.state.lock().begin(log_id, at);
                self.request(request, at)
            }
        }
    }

    fn request(&self, request: Request, at: Duration) -> Reply {
        match request {
            Request::Commands(commands) => Reply::Commands(self.commands(&commands, at)),
            Request::Alarm(op) => {
                let alarms = self.state.lock().alarm(op);
                self.alarms.notify_one();
                Reply::Alarms(alarms)
            }
            Request::Number => Reply::Number(self.state.lock().number()),
            Request::Limits(limits) => {
                if self.state.lock().bound_by(&limits) {
                    self.replica.change(|mvcc| mvcc.set_limits(limits));
                }
                Reply::Done
            }
        }
    }

    fn commands(&self, commands: &Commands, at: Duration) -> Vec<Result<Applied, StoreError>> {
        self.since_image.fetch_add(commands.size() as u64, Ordering::Relaxed);
        let malformed = |_| StoreError::Invalid("the command cannot be read");
        let apply = |command: Result<_, WireError>| self.command(command.map_err(malformed)?, at);
        commands.decoded().map(apply).collect()
    }

    fn command(&self, command: Command, at: Duration) -> Result<Applied, StoreError> {
        if needs_space(&command) && self.state.lock().is_out_of_space() {
            return Err(StoreError::NoSpace);
        }
        let leases = matches!(&command, Command::Lease(_) | Command::Expire);
        let answer = self.replica.change(|mvcc| mvcc.apply(command, at));
        if leases {
            self.leases.notify_one();
        }
        answer
    }
}

/// Whether `command` may make the data grow.
fn needs_space(command: &Command) -> bool {
    match command {
        Command::Txn(txn) => txn_puts(txn),
        Command::Lease(op) => matches!(op, LeaseOp::Grant { .. }),
        _ => false,
    }
}

fn txn_puts(txn: &orchestrator_core::store::Txn) -> bool {
    use orchestrator_core::store::Op;
    txn.then.iter().chain(&txn.otherwise).any(|op| match op {
        Op::Put(_) => true,
        Op::Txn(inner) => txn_puts(inner),
        Op::Range(_) | Op::Delete(_) => false,
    })
}

impl State {
    fn is_out_of_space(&self) -> bool {
        self.alarms.iter().any(|alarm| alarm.kind == AlarmKind::NoSpace)
    }

    fn alarm(&mut self, op: AlarmOp) -> Vec<Alarm> {
        match op {
            AlarmOp::List => {}
            AlarmOp::Raise(alarm) => drop(self.alarms.insert(alarm)),
            AlarmOp::Clear(alarm) => drop(self.alarms.remove(&alarm)),
        }
        let alarms: &BTreeSet<Alarm> = &self.alarms;
        alarms.iter().copied().collect()
    }
}

/// What openraft holds of a member's copy.
pub(super) struct Machine {
    pub(super) copy: Arc<Copy>,
    pub(super) snapshots: Arc<Snapshots>,
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Image;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembers)> {
        Ok(self.copy.look(|state| (state.last, state.members.clone())))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + Send,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let next = entry.log_id.index() + 1;
            let reply = self.copy.apply(entry.log_id, entry.payload);
            // Told before the answer: whoever is answered may read at once.
            self.copy.tell_applied(next);
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        let bytes = self.copy.since_image.load(Ordering::Relaxed);
        let data = self.copy.replica.read(|mvcc| mvcc.status("").bytes);
        let due = force || self.snapshots.is_due(self.copy.applied(), bytes, data);
        if due { Some(self.get_snapshot_builder().await) } else { None }
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        self.copy.since_image.store(0, Ordering::Relaxed);
        self.copy.witness.tell(|| Sight::ImageBegun);
        let mvcc = self.copy.replica.read(crate::mvcc::Mvcc::fork);
        let state = self.copy.look(Clone::clone);
        Builder::new(Arc::clone(&self.snapshots), mvcc, state)
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, image: Image) -> io::Result<()> {
        let (mvcc, state) = self.snapshots.install(image).await?;
        if state.last != meta.last_log_id {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the image is of another entry than it was announced for",
            ));
        }
        let next = state.next();
        self.copy.witness.tell(|| Sight::ImageInstalled { next });
        *self.copy.state.lock() = state;
        self.copy.replica.replace(mvcc);
        self.copy.since_image.store(0, Ordering::Relaxed);
        self.copy.leases.notify_one();
        self.copy.alarms.notify_one();
        self.copy.tell_applied(next);
        Ok(())
    }

    async fn get_current_snapshot(
        &mut self,
    ) -> io::Result<
        Option<
            Snapshot<openraft::alias::CommittedLeaderIdOf<Types>, u64, super::types::Node, Image>,
        >,
    > {
        Ok(self.snapshots.current().map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}
