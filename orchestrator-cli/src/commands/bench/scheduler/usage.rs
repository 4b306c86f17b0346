//! What processes hold and have spent.

use std::io;
use std::time::Duration;

use super::super::cost;

/// Memory and CPU time of some processes together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Resident, in bytes.
    pub memory: u64,
    pub cpu: Duration,
}

impl Usage {
    /// Of these processes; of this one where none is named.
    ///
    /// # Errors
    /// One of them is gone.
    pub fn of(pids: &[u32]) -> io::Result<Self> {
        let own = [std::process::id()];
        let pids = if pids.is_empty() { &own } else { pids };
        let mut usage = Self::default();
        for pid in pids {
            usage.memory += cost::resident_of(*pid)?;
            usage.cpu += cost::cpu(*pid)?;
        }
        Ok(usage)
    }
}
