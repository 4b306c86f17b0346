//! Many simulated nodes in one process.

/// Placeholder config.
#[derive(Debug)]
pub struct SimulatedNodesConfig;

/// Placeholder.
#[derive(Debug)]
pub struct SimulatedNodes;
