//! Which rules belong to a kind.

use std::sync::Arc;

use orchestrator_core::resource::{PlainStrategy, Strategy};

use super::facts::Facts;

/// The strategy of a kind.
pub(super) fn of(_facts: &Facts) -> Arc<dyn Strategy> {
    Arc::new(PlainStrategy)
}
