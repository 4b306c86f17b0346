//! Writes the items of messages.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

/// Appends items to a buffer.
pub(crate) struct Writer<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut BytesMut) -> Self {
        Self { out }
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.out.put_u8(byte);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.byte(flag.into());
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.byte((number & 0x7f) as u8);
    }

    /// A number that may be negative: small ones of either sign are short.
    pub(crate) fn signed(&mut self, number: i64) {
        self.number((number << 1).cast_unsigned() ^ (number >> 63).cast_unsigned());
    }

    pub(crate) fn size(&mut self, size: usize) {
        self.number(size as u64);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// Bytes that the message ends with.
    #[cfg(feature = "raft")]
    pub(crate) fn rest(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn duration(&mut self, duration: Duration) {
        self.number(duration.as_secs());
        self.number(duration.subsec_nanos().into());
    }

    /// A duration that can be written later over this one.
    pub(crate) fn stamp(&mut self, at: Duration) {
        self.out.extend_from_slice(&stamp(at));
    }

    /// A list: its length, then each item as `write` writes it.
    pub(crate) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.size(items.len());
        items.iter().for_each(|item| write(self, item));
    }

    /// An item that may be absent.
    pub(crate) fn option<T>(&mut self, item: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.flag(item.is_some());
        if let Some(item) = item {
            write(self, item);
        }
    }
}

/// The bytes of a stamp.
pub(crate) const STAMP_BYTES: usize = 12;

/// A duration in as many bytes as any other.
pub(crate) fn stamp(at: Duration) -> [u8; STAMP_BYTES] {
    let mut bytes = [0; STAMP_BYTES];
    bytes[..8].copy_from_slice(&at.as_secs().to_le_bytes());
    bytes[8..].copy_from_slice(&at.subsec_nanos().to_le_bytes());
    bytes
}
