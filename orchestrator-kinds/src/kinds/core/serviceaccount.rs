//! ServiceAccount: who a pod is.

use crate::rules::Rules;

/// The rules of a ServiceAccount.
#[derive(Debug)]
pub struct ServiceAccount;

impl Rules for ServiceAccount {
    fn has_generation(&self) -> bool {
        false
    }
}
