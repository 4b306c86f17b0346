//! What a watcher has taken from the hub and not yet given on.

use std::collections::VecDeque;
use std::sync::Arc;

use orchestrator_core::store::WatchUpdate;

use super::segment::{Part, Segment};

/// Updates in order.
#[derive(Debug, Default)]
pub(crate) enum Updates {
    /// None, which takes no room.
    #[default]
    None,
    /// Part of a segment, which others have too.
    Shared { segment: Arc<Segment>, next: usize, end: usize },
    /// Of this watcher only: from its search of the history, or its progress.
    Own(VecDeque<WatchUpdate>),
}

impl Updates {
    pub(super) fn shared(part: Part) -> Self {
        Self::Shared { segment: part.segment, next: part.start, end: part.end }
    }

    pub(super) fn one(update: WatchUpdate) -> Self {
        Self::Own(VecDeque::from([update]))
    }

    /// The same, to be changed.
    pub(crate) fn into_own(self) -> VecDeque<WatchUpdate> {
        match self {
            Self::Own(updates) => updates,
            rest => rest.collect(),
        }
    }
}

impl Iterator for Updates {
    type Item = WatchUpdate;

    #[inline]
    fn next(&mut self) -> Option<WatchUpdate> {
        match self {
            Self::None => None,
            Self::Shared { segment, next, end } if *next < *end => {
                *next += 1;
                Some(segment.update(*next - 1))
            }
            Self::Shared { .. } => None,
            Self::Own(updates) => updates.pop_front(),
        }
    }
}
