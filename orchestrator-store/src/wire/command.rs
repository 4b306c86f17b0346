//! Commands with the time at which they were made.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use orchestrator_core::store::{LeaseOp, StoreError};

#[cfg(any(test, feature = "durable"))]
use super::writer::{STAMP_BYTES, stamp};
use super::{MAX_MESSAGE_BYTES, Reader, VERSION, WireError, WireProblem, Writer};
use crate::mvcc::{Command, value_bytes};

/// Appends `command`, made at `at`, to `out`, and makes the bytes of its values.
pub fn encode_command(command: &Command, at: Duration, out: &mut BytesMut) {
    let mut out = Writer::new(out);
    out.byte(VERSION);
    out.stamp(at);
    match command {
        Command::Txn(txn) => {
            out.byte(0);
            out.txn(txn);
        }
        Command::Lease(op) => {
            out.byte(1);
            out.lease(op);
        }
        Command::Expire => out.byte(2),
        Command::Compact(revision) => {
            out.byte(3);
            out.revision(*revision);
        }
    }
}

/// The message for `command`, made at `at`, if every state machine would look at it.
///
/// # Errors
/// [`Invalid`](StoreError::Invalid), [`TooLarge`](StoreError::TooLarge): it needs no log to be
/// refused.
pub fn command_bytes(command: &Command, at: Duration) -> Result<Bytes, StoreError> {
    command_buffer(command, at).map(BytesMut::freeze)
}

/// The same, to be [stamped](restamp) with another time.
pub(crate) fn command_buffer(command: &Command, at: Duration) -> Result<BytesMut, StoreError> {
    command.check()?;
    // What most commands need, so that the buffer is made once.
    const BESIDE_VALUES: usize = 160;
    let mut out = BytesMut::with_capacity(BESIDE_VALUES + value_bytes(command));
    encode_command(command, at, &mut out);
    match out.len() {
        bytes if bytes > MAX_MESSAGE_BYTES => {
            Err(StoreError::TooLarge { bytes, max: MAX_MESSAGE_BYTES })
        }
        _ => Ok(out),
    }
}

/// Makes the encoded `command` one that was made at `at`.
#[cfg(any(test, feature = "durable"))]
pub(crate) fn restamp(command: &mut [u8], at: Duration) {
    command[1..1 + STAMP_BYTES].copy_from_slice(&stamp(at));
}

/// Reads a command and the time at which it was made; large values share `bytes`.
///
/// # Errors
/// The bytes are no command.
pub fn decode_command(bytes: Bytes) -> Result<(Command, Duration), WireError> {
    command(Reader::new(bytes))
}

/// The same of bytes that belong to a larger buffer, which no value is to keep alive.
#[cfg(any(test, feature = "durable"))]
pub(crate) fn decode_command_apart(bytes: Bytes) -> Result<(Command, Duration), WireError> {
    command(Reader::apart(bytes))
}

fn command(mut from: Reader) -> Result<(Command, Duration), WireError> {
    from.version()?;
    let at = from.stamp()?;
    let command = match from.byte()? {
        0 => Command::Txn(from.txn()?),
        1 => Command::Lease(from.lease()?),
        2 => Command::Expire,
        3 => Command::Compact(from.revision()?),
        _ => return from.bad_tag(),
    };
    from.end()?;
    Ok((command, at))
}

impl Writer<'_> {
    fn lease(&mut self, op: &LeaseOp) {
        let (tag, id) = match op {
            LeaseOp::Grant { id, ttl } => {
                self.byte(0);
                self.signed(*id);
                return self.duration(*ttl);
            }
            LeaseOp::KeepAlive(id) => (1, *id),
            LeaseOp::Revoke(id) => (2, *id),
            LeaseOp::Describe(id) => (3, *id),
            // A request that this version does not know changes nothing.
            _ => (4, 0),
        };
        self.byte(tag);
        if tag != 4 {
            self.signed(id);
        }
    }
}

impl Reader {
    /// Begins a message.
    pub(super) fn version(&mut self) -> Result<(), WireError> {
        if self.remaining() > MAX_MESSAGE_BYTES {
            return self.fail(WireProblem::TooLarge);
        }
        match self.byte()? {
            VERSION => Ok(()),
            _ => Err(WireError { offset: 0, problem: WireProblem::Version }),
        }
    }

    fn lease(&mut self) -> Result<LeaseOp, WireError> {
        Ok(match self.byte()? {
            0 => LeaseOp::Grant { id: self.signed()?, ttl: self.duration()? },
            1 => LeaseOp::KeepAlive(self.signed()?),
            2 => LeaseOp::Revoke(self.signed()?),
            3 => LeaseOp::Describe(self.signed()?),
            4 => LeaseOp::List,
            _ => return self.bad_tag(),
        })
    }
}
