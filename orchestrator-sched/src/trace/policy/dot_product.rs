//! DotProduct: the machine whose free resources look least like what is asked for.
//!
//! # Source
//! Grandl et al., Multi-resource packing for cluster schedulers, SIGCOMM 2014; here with the sign
//! of the published comparison, where the smallest product wins.

use super::{MAX_SCORE, Policy, Shape, asked, free};
use crate::trace::fleet::Room;

/// Prefers machines with a small product of free and asked shares.
#[derive(Debug)]
pub struct DotProduct;

impl Policy for DotProduct {
    fn name(&self) -> &str {
        "dot-product"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        let (free, asked) = (free(machine), asked(task));
        let product = (free[0] * asked[0] + free[1] * asked[1]) / 2.0;
        (1.0 - product) * MAX_SCORE as f64
    }
}
