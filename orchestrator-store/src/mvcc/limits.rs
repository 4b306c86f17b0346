//! How much a store holds.

/// The bounds of one store; what passes them is refused or forgotten, never kept.
///
/// # Examples
/// ```
/// let mut limits = orchestrator_store::Limits::default();
/// limits.history_events = 1_000;
/// let builder = orchestrator_store::MemoryStore::builder().limits(limits);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most events kept for watches and reads of the past; the oldest are compacted first.
    pub history_events: usize,
    /// The most bytes that kept events may hold, about.
    pub history_bytes: u64,
    /// The most bytes of keys and values; a put beyond is refused.
    pub data_bytes: u64,
    /// The most leases.
    pub leases: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A minute of writes at a rate that a large cluster does not exceed for long.
            history_events: 100_000,
            // Ten kilobytes a pod, before and after, for a tenth of them.
            history_bytes: 256 << 20,
            // What etcd advises as its largest quota.
            data_bytes: 8 << 30,
            // Some 200 bytes each, so 200 MB at the very most.
            leases: 1_000_000,
        }
    }
}
