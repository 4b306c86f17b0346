//! What the controllers of workloads share: pods, templates, adoption, batches.

pub(crate) mod batch;
pub(crate) mod claim;
pub(crate) mod hash;
pub(crate) mod history;
pub(crate) mod placement;
pub(crate) mod podcontrol;
pub(crate) mod pods;
pub(crate) mod scaled;
pub(crate) mod selector;
