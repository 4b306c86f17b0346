//! The commands of one entry of the log, in one buffer.
//!
//! Many writes share an entry: what an entry costs in the consensus, on the network and in the log
//! is then paid once for all of them. They are encoded when they are gathered, and from then on an
//! entry is copied by counting.

use bytes::{Bytes, BytesMut};

use crate::mvcc::Command;
use crate::wire::{Reader, WireError, Writer, decode_command, decode_command_apart};

/// A command of at least this part of the buffer may share it; a smaller one must not keep the
/// others alive.
const SHARED_PART: usize = 4;

/// Commands in their binary form, each after its length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commands {
    bytes: Bytes,
    count: usize,
}

impl Commands {
    /// The one command `command`, in its binary form.
    pub(super) fn one(command: &[u8]) -> Self {
        let mut bytes = BytesMut::with_capacity(command.len() + 5);
        Writer::new(&mut bytes).bytes(command);
        Self { bytes: bytes.freeze(), count: 1 }
    }

    /// All commands of `parts`, in their order.
    pub(super) fn joined(parts: &[Self]) -> Self {
        if let [only] = parts {
            return only.clone();
        }
        let mut bytes = BytesMut::with_capacity(parts.iter().map(Self::size).sum());
        parts.iter().for_each(|part| bytes.extend_from_slice(&part.bytes));
        Self { bytes: bytes.freeze(), count: parts.iter().map(Self::count).sum() }
    }

    /// Reads commands to the end of the message.
    pub(super) fn read(from: &mut Reader) -> Result<Self, WireError> {
        let bytes = from.rest();
        let mut items = Reader::new(bytes.clone());
        let mut count = 0;
        while !items.is_empty() {
            items.slice()?;
            count += 1;
        }
        Ok(Self { bytes, count })
    }

    /// The binary form, which ends with the message.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many commands there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many bytes they take.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The commands, decoded one after the other.
    pub(super) fn decoded(&self) -> impl Iterator<Item = Result<Command, WireError>> {
        let mut items = Reader::new(self.bytes.clone());
        let whole = self.bytes.len();
        std::iter::from_fn(move || (!items.is_empty()).then(|| items.shared())).map(move |one| {
            let one = one?;
            let (command, _) = match one.len() * SHARED_PART >= whole {
                true => decode_command(one)?,
                false => decode_command_apart(one)?,
            };
            Ok(command)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use orchestrator_core::store::Revision;

    use super::*;
    use crate::wire::command_bytes;

    fn command(revision: u64) -> (Command, Commands) {
        let command = Command::Compact(Revision::new(revision));
        let bytes = command_bytes(&command, Duration::ZERO).unwrap();
        (command, Commands::one(&bytes))
    }

    #[test]
    fn joined_commands_are_read_and_decoded_in_their_order() {
        let ((a, first), (b, second)) = (command(7), command(300));
        let joined = Commands::joined(&[first.clone(), second, first.clone()]);
        let read = Commands::read(&mut Reader::new(joined.bytes.clone())).unwrap();
        assert_eq!((read.count(), read.size()), (3, joined.size()));
        let decoded: Vec<_> = read.decoded().map(|one| format!("{:?}", one.unwrap())).collect();
        assert_eq!(decoded, [&a, &b, &a].map(|one| format!("{one:?}")));
        assert_eq!(Commands::joined(std::slice::from_ref(&first)), first);
        let cut = joined.bytes.slice(..joined.size() - 1);
        assert!(Commands::read(&mut Reader::new(cut)).is_err());
    }
}
