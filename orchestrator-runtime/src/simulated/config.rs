//! How the simulated runtime is made.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::stages::Rule;
use crate::address::AddressRange;

/// How a [`SimulatedRuntime`](super::SimulatedRuntime) is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimulatedConfig {
    /// The addresses of its pods.
    pub range: AddressRange,
    /// What containers do whose pods declare nothing; the first rule that matches holds.
    pub rules: Arc<[Rule]>,
}

impl SimulatedConfig {
    /// Pods with addresses from `range`, without rules.
    pub fn new(range: AddressRange) -> Self {
        Self { range, rules: Arc::default() }
    }

    /// Lets rules say what containers do.
    #[must_use]
    pub fn rules(mut self, rules: impl Into<Arc<[Rule]>>) -> Self {
        self.rules = rules.into();
        self
    }
}

/// The range that the pods of the `index`th simulated node get: a /24 of 10.0.0.0/8 each.
pub(super) fn node_range(index: u32) -> AddressRange {
    let all: AddressRange = "10.0.0.0/8".parse().expect("a valid range");
    debug_assert_eq!(all.network(), Ipv4Addr::new(10, 0, 0, 0));
    all.block(24, index)
}
