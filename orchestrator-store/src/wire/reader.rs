//! Reads the items of messages, from bytes that may be anything.

use std::time::Duration;

use bytes::Bytes;
use orchestrator_core::store::MAX_TXN_DEPTH;

use super::writer::STAMP_BYTES;
use super::{WireError, WireProblem};

/// A value of at least this part of its buffer shares it.
const SHARED_PART: usize = 4;

/// The most items that room is made for before they are seen.
const MAX_RESERVED: usize = 1024;

/// Takes items off the front of some bytes.
pub(crate) struct Reader {
    bytes: Bytes,
    at: usize,
    /// The shortest value that shares the buffer.
    shared_from: usize,
    depth: usize,
}

impl Reader {
    /// Reads `bytes`, whose large parts are shared.
    pub(crate) fn new(bytes: Bytes) -> Self {
        let shared_from = bytes.len() / SHARED_PART;
        Self { bytes, at: 0, shared_from, depth: 0 }
    }

    /// Reads `bytes`, which belong to a larger buffer: nothing of them is shared.
    #[cfg(any(test, feature = "durable"))]
    pub(crate) fn apart(bytes: Bytes) -> Self {
        Self { shared_from: usize::MAX, ..Self::new(bytes) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// How many bytes there are still.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn fail<T>(&self, problem: WireProblem) -> Result<T, WireError> {
        Err(WireError { offset: self.at, problem })
    }

    /// Ends the message.
    pub(crate) fn end(&self) -> Result<(), WireError> {
        if self.is_empty() { Ok(()) } else { self.fail(WireProblem::Long) }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, WireError> {
        let Some(byte) = self.bytes.get(self.at) else { return self.fail(WireProblem::Short) };
        self.at += 1;
        Ok(*byte)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, WireError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.bad_tag(),
        }
    }

    /// Fails on the tag read last.
    pub(crate) fn bad_tag<T>(&self) -> Result<T, WireError> {
        Err(WireError { offset: self.at - 1, problem: WireProblem::Tag })
    }

    pub(crate) fn number(&mut self) -> Result<u64, WireError> {
        let start = self.at;
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let fits = bits << shift >> shift == bits;
            // The last byte of a longer number is not zero: each number has one form.
            let needless = byte == 0 && shift > 0;
            if !fits || needless {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(WireError { offset: start, problem: WireProblem::Number })
    }

    pub(crate) fn signed(&mut self) -> Result<i64, WireError> {
        let folded = self.number()?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    /// A length or a limit.
    pub(crate) fn size(&mut self) -> Result<usize, WireError> {
        let start = self.at;
        let out_of_range = |_| WireError { offset: start, problem: WireProblem::Number };
        self.number()?.try_into().map_err(out_of_range)
    }

    pub(crate) fn slice(&mut self) -> Result<&[u8], WireError> {
        let range = self.length()?;
        Ok(&self.bytes[range])
    }

    /// Bytes that are kept: shared where they are a large part of the buffer.
    pub(crate) fn kept(&mut self) -> Result<Bytes, WireError> {
        let range = self.length()?;
        if range.len() >= self.shared_from {
            return Ok(self.bytes.slice(range));
        }
        Ok(Bytes::copy_from_slice(&self.bytes[range]))
    }

    /// Bytes that share the buffer, however few they are: for those who do not keep them.
    #[cfg(feature = "raft")]
    pub(crate) fn shared(&mut self) -> Result<Bytes, WireError> {
        let range = self.length()?;
        Ok(self.bytes.slice(range))
    }

    /// All that is left; it shares the buffer, unless that is part of a larger one.
    #[cfg(feature = "raft")]
    pub(crate) fn rest(&mut self) -> Bytes {
        let start = std::mem::replace(&mut self.at, self.bytes.len());
        match self.shared_from {
            usize::MAX => Bytes::copy_from_slice(&self.bytes[start..]),
            _ => self.bytes.slice(start..),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, WireError> {
        Ok(String::from_utf8_lossy(self.slice()?).into_owned())
    }

    pub(crate) fn duration(&mut self) -> Result<Duration, WireError> {
        let seconds = self.number()?;
        let start = self.at;
        match u32::try_from(self.number()?) {
            Ok(nanos) if nanos < 1_000_000_000 => Ok(Duration::new(seconds, nanos)),
            _ => Err(WireError { offset: start, problem: WireProblem::Number }),
        }
    }

    /// A duration of fixed length.
    pub(crate) fn stamp(&mut self) -> Result<Duration, WireError> {
        let start = self.at;
        let Some(stamp) = self.bytes.get(start..start + STAMP_BYTES) else {
            return self.fail(WireProblem::Short);
        };
        let (secs, nanos) = stamp.split_at(8);
        let secs = u64::from_le_bytes(secs.try_into().expect("8 bytes"));
        let nanos = u32::from_le_bytes(nanos.try_into().expect("4 bytes"));
        if nanos >= 1_000_000_000 {
            return self.fail(WireProblem::Number);
        }
        self.at += STAMP_BYTES;
        Ok(Duration::new(secs, nanos))
    }

    /// A list of items that take a byte at least.
    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let count = self.size()?;
        if count > self.remaining() {
            return self.fail(WireProblem::Short);
        }
        let mut items = Vec::with_capacity(count.min(MAX_RESERVED));
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// An item that may be absent.
    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// Reads a transaction, or the answer to one, which may be within others.
    pub(crate) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        if self.depth == MAX_TXN_DEPTH {
            return self.fail(WireProblem::Depth);
        }
        self.depth += 1;
        let item = read(self);
        self.depth -= 1;
        item
    }

    /// Where the string that comes next is; it is passed over.
    fn length(&mut self) -> Result<std::ops::Range<usize>, WireError> {
        let length = self.size()?;
        if length > self.remaining() {
            return self.fail(WireProblem::Short);
        }
        let start = self.at;
        self.at += length;
        Ok(start..self.at)
    }
}
