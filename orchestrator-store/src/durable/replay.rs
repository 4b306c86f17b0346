//! Applies the log again: one thread reads and decodes, another applies.

use std::sync::Arc;
use std::time::Duration;

use super::entry::Request;
use super::open::OpenError;
use super::state::State;
use crate::disk::Disk;
use crate::mvcc::Mvcc;
use crate::wal::{self, Damage, Entry, Wal};
use crate::wire::WireError;

/// How many entries go to the thread that applies them at a time.
const REPLAYED_AT_A_TIME: usize = 256;

/// How many times as many may wait for it.
const MAX_WAITING: usize = 16;

/// A state that log entries are applied to again.
pub(super) struct Replaying {
    pub(super) mvcc: Mvcc,
    pub(super) state: State,
    /// How many bytes of entries were applied.
    pub(super) bytes: u64,
}

/// An entry of the log as it is applied again.
struct Replayed {
    index: u64,
    /// The time of a command.
    at: Option<Duration>,
    request: Request,
    bytes: u64,
}

/// An entry that cannot be read, by its index.
type Unreadable = (u64, WireError);

/// Opens the log and applies what comes after `state`.
pub(super) fn replay(
    disk: Arc<dyn Disk>,
    options: wal::Options,
    mvcc: Mvcc,
    state: State,
) -> Result<(Wal, Replaying), OpenError> {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<Replayed>>(MAX_WAITING);
    let loaded = state.index;
    std::thread::scope(|scope| {
        let applying = scope.spawn(move || {
            let mut replaying = Replaying { mvcc, state, bytes: 0 };
            receiver.into_iter().flatten().for_each(|entry| replaying.apply(entry));
            replaying
        });
        let mut waiting = Vec::with_capacity(REPLAYED_AT_A_TIME);
        let mut unreadable = None;
        let opened = Wal::open_after(disk, options, loaded, |entry| {
            if entry.index <= loaded || unreadable.is_some() {
                return;
            }
            match Replayed::decode(entry) {
                Ok(replayed) => waiting.push(replayed),
                Err(error) => unreadable = Some(error),
            }
            if waiting.len() == REPLAYED_AT_A_TIME {
                let next = Vec::with_capacity(REPLAYED_AT_A_TIME);
                // Who applies ends only when there is nothing more.
                let _ = sender.send(std::mem::replace(&mut waiting, next));
            }
        });
        let _ = sender.send(waiting);
        drop(sender);
        let replayed = applying.join().expect("applying does not panic");
        let (wal, _) = opened?;
        match unreadable {
            None => Ok((wal, replayed)),
            Some((index, error)) => {
                tracing::error!(index, %error, "an entry of the log cannot be read");
                Err(OpenError::damaged("the log", index, Damage::Content))
            }
        }
    })
}

impl Replayed {
    fn decode(entry: Entry) -> Result<Self, Unreadable> {
        let Entry { index, kind, payload, .. } = entry;
        let bytes = payload.len() as u64;
        let (request, at) = Request::decode(kind, payload).map_err(|error| (index, error))?;
        Ok(Self { index, at, request, bytes })
    }
}

impl Replaying {
    fn apply(&mut self, entry: Replayed) {
        let Replayed { index, at, request, bytes } = entry;
        self.bytes += bytes;
        let at = at.unwrap_or(self.state.at);
        self.state.note_time(at);
        self.state.index = index;
        match request {
            // What was refused then is refused again.
            Request::Command(command) => drop(self.mvcc.apply(command, at)),
            Request::Limits(limits) => {
                self.mvcc.set_limits(limits.clone());
                self.state.limits = Some(limits);
            }
            Request::Alarm(op) => drop(self.state.alarm(op)),
        }
    }
}
