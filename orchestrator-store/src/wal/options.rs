//! The options of a log.

use crate::planted::Planted;

/// How a log is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The cluster whose log it is; that of another is refused.
    pub cluster: u64,
    /// A random number that a new log mixes into its checksums, so that nobody can write a value
    /// that looks like a frame. An existing log has its own.
    pub salt: u64,
    /// The size of a segment.
    pub segment_bytes: u64,
    /// Faults for the test of the tests.
    pub planted: Planted,
}

/// The size of a segment: some seconds of writes at full speed.
const SEGMENT_BYTES: u64 = 64 << 20;

/// The largest segment, so that places in it take four bytes.
pub(super) const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// The smallest segment: a header and a few frames.
const MIN_SEGMENT_BYTES: u64 = 4096;

impl Options {
    /// The log of `cluster`, in segments of 64 MiB.
    pub fn new(cluster: u64, salt: u64) -> Self {
        Self { cluster, salt, segment_bytes: SEGMENT_BYTES, planted: Planted::NONE }
    }

    /// Bounds the size of a segment.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        self
    }

    /// Plants faults.
    #[must_use]
    pub fn planted(mut self, planted: Planted) -> Self {
        self.planted = planted;
        self
    }
}
