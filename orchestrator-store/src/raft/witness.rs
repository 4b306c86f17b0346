//! What the simulation is told of a member's inside; without it there is nobody to tell, and no cost.

#[cfg(feature = "simulation")]
use std::sync::Arc;

#[cfg(feature = "simulation")]
use bytes::BytesMut;

#[cfg(feature = "simulation")]
use super::message::payload_bytes;
#[cfg(feature = "simulation")]
use super::types::term;
use super::types::{LogId, Payload};

/// Something that happens inside a member.
#[cfg_attr(not(feature = "simulation"), allow(dead_code))] // then nobody looks into a member
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// An entry is applied; `digest` stands for what it says.
    Applied { index: u64, term: u64, digest: u32 },
    /// An image of the state is being made.
    ImageBegun,
    /// The image of another member replaces the state.
    ImageInstalled { next: u64 },
    /// The beginning of the log goes.
    Purged,
}

/// Is told.
#[derive(Clone, Default)]
pub(crate) struct Witness {
    #[cfg(feature = "simulation")]
    told: Option<Arc<dyn Fn(Sight) + Send + Sync>>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Witness")
    }
}

#[cfg(feature = "simulation")]
impl Witness {
    /// Hands everything to `told`.
    pub(crate) fn new(told: impl Fn(Sight) + Send + Sync + 'static) -> Self {
        Self { told: Some(Arc::new(told)) }
    }

    pub(super) fn tell(&self, sight: impl FnOnce() -> Sight) {
        if let Some(told) = &self.told {
            told(sight());
        }
    }

    pub(super) fn applied(&self, log_id: &LogId, payload: &Payload) {
        self.tell(|| Sight::Applied {
            index: log_id.index(),
            term: term(log_id),
            digest: digest(payload),
        });
    }
}

#[cfg(not(feature = "simulation"))]
impl Witness {
    pub(super) fn tell(&self, _: impl FnOnce() -> Sight) {}

    pub(super) fn applied(&self, _: &LogId, _: &Payload) {}
}

#[cfg(feature = "simulation")]
fn digest(payload: &Payload) -> u32 {
    let mut bytes = BytesMut::new();
    let kind = payload_bytes(payload, &mut bytes);
    crc32c::crc32c_append(u32::from(kind), &bytes)
}
