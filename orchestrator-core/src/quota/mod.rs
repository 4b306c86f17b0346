//! Quotas: what objects take, in the words of `ResourceQuota`, and which quotas count them.
//!
//! The API server charges a quota before an object is made; the controller counts anew when
//! objects come, change and go. Both must count alike, so how is decided here, by pure functions.
//! [`usage`] is what one object takes, [`covers`] whether a quota counts it, [`counted_resource`]
//! which objects a word of a quota is about.

mod asked;
mod scope;
mod usage;

use std::collections::BTreeMap;

pub use asked::{Asked, amounts, containers};
pub use scope::covers;
pub use usage::{counted_resource, missing, usage};

use crate::Quantity;

/// Amounts by resource name.
pub type Amounts = BTreeMap<String, Quantity>;
