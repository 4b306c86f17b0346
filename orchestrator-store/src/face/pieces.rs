//! What is written of an answer: small parts copied together, large values as the store has them.
//!
//! Thousands of watchers of a large object, or a list of a hundred thousand, share the one value
//! that is in memory anyway: nothing is copied until the socket takes it.

use bytes::{Bytes, BytesMut};
use prost::Message;
use smallvec::SmallVec;

/// From here on a value is a piece of its own: then a frame of its own costs less than a copy.
const SHARED_BYTES: usize = 4096;

/// How much memory the copied parts get to begin with.
const FIRST_BYTES: usize = 16 * 1024;

/// The pieces of one message, in order: mostly one.
pub(super) type Parts = smallvec::IntoIter<[Bytes; 1]>;

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    done: SmallVec<[Bytes; 1]>,
    open: BytesMut,
}

impl Pieces {
    /// For a message of so many bytes.
    pub(super) fn of(bytes: usize) -> Self {
        let open = BytesMut::with_capacity(bytes.min(FIRST_BYTES));
        Self { done: SmallVec::new(), open }
    }

    /// Where small parts are written.
    pub(super) fn small(&mut self) -> &mut BytesMut {
        &mut self.open
    }

    /// Writes a value, which is shared where it is large.
    pub(super) fn value(&mut self, value: &Bytes) {
        if value.len() < SHARED_BYTES {
            return self.open.extend_from_slice(value);
        }
        self.close();
        self.done.push(value.clone());
    }

    /// All that was written.
    pub(super) fn finish(mut self) -> Parts {
        self.close();
        self.done.into_iter()
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.done.push(self.open.split().freeze());
        }
    }
}

/// What a call is answered with.
pub(super) trait Answer {
    /// How long it is.
    fn bytes(&self) -> usize;

    /// Writes it.
    fn write(&self, out: &mut Pieces);
}

impl<M: Message> Answer for M {
    fn bytes(&self) -> usize {
        self.encoded_len()
    }

    fn write(&self, out: &mut Pieces) {
        self.encode_raw(out.small());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_are_shared_and_the_rest_is_together() {
        let (small, large) = (Bytes::from_static(b"small"), Bytes::from(vec![7; SHARED_BYTES]));
        let mut pieces = Pieces::of(100);
        pieces.small().extend_from_slice(b"head ");
        pieces.value(&small);
        pieces.value(&large);
        pieces.value(&large);
        pieces.small().extend_from_slice(b" tail");
        let parts: Vec<Bytes> = pieces.finish().collect();
        assert_eq!(parts, [&b"head small"[..], &large[..], &large[..], b" tail"]);
        assert_eq!(parts[1].as_ptr(), large.as_ptr(), "not a copy");
        assert_eq!(Pieces::default().finish().count(), 0);
    }
}
