//! The group `autoscaling`: as many pods as the load needs.

mod behavior;
mod convert;
pub mod horizontalpodautoscaler;
mod metrics;
