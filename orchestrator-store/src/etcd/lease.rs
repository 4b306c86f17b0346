//! Leases, which etcd counts in whole seconds.
//!
//! A time to live is rounded up, and etcd raises one that is shorter than its elections take, so a
//! lease never ends early. Keeping one alive and asking about one may be repeated; granting and
//! revoking may not.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use orchestrator_core::store::{LeaseId, LeaseInfo, LeaseOp, MAX_LEASE_TTL, StoreError};

use super::EtcdStore;
use super::error::{CallError, Refusal};
use crate::proto::etcd as wire;

/// How many leases are asked about at a time when all are listed.
const AT_A_TIME: usize = 32;

impl EtcdStore {
    /// Does what is asked about leases.
    pub(super) async fn lease_op(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        let one = match op {
            LeaseOp::Grant { id, ttl } => self.grant(id, ttl).await?,
            LeaseOp::KeepAlive(id) => self.keep_alive(id).await?,
            LeaseOp::Revoke(id) => self.revoke(id).await?,
            LeaseOp::Describe(id) => {
                self.describe(id).await?.ok_or(StoreError::LeaseNotFound(id))?
            }
            LeaseOp::List => return self.leases().await,
            _ => return Err(StoreError::Invalid("unknown request about leases")),
        };
        Ok(vec![one])
    }

    async fn grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseInfo, StoreError> {
        let request = wire::LeaseGrantRequest { id, ttl: seconds(ttl)? };
        let granted = self.client.write(request).await.map_err(|error| of_lease(error, id))?;
        let ttl = duration(granted.ttl);
        Ok(LeaseInfo { id: granted.id, ttl, remaining: ttl, keys: Vec::new() })
    }

    async fn keep_alive(&self, id: LeaseId) -> Result<LeaseInfo, StoreError> {
        let request = wire::LeaseKeepAliveRequest { id };
        let kept = self.client.read(request).await.map_err(|error| of_lease(error, id))?;
        if kept.ttl <= 0 {
            return Err(StoreError::LeaseNotFound(id));
        }
        let ttl = duration(kept.ttl);
        Ok(LeaseInfo { id, ttl, remaining: ttl, keys: Vec::new() })
    }

    async fn revoke(&self, id: LeaseId) -> Result<LeaseInfo, StoreError> {
        let request = wire::LeaseRevokeRequest { id };
        self.client.write(request).await.map_err(|error| of_lease(error, id))?;
        Ok(LeaseInfo { id, ..LeaseInfo::default() })
    }

    /// One lease; `None` where there is none, or no longer.
    async fn describe(&self, id: LeaseId) -> Result<Option<LeaseInfo>, StoreError> {
        let request = wire::LeaseTimeToLiveRequest { id, keys: true };
        let told = match self.client.read(request).await {
            Err(CallError::Refused(Refusal::LeaseNotFound)) => return Ok(None),
            told => told.map_err(|error| of_lease(error, id))?,
        };
        if told.ttl < 0 {
            return Ok(None);
        }
        let mut keys: Vec<_> = told.keys.iter().filter_map(|key| self.prefix.strip(key)).collect();
        keys.sort();
        let (ttl, remaining) = (duration(told.granted_ttl), duration(told.ttl));
        Ok(Some(LeaseInfo { id, ttl, remaining, keys }))
    }

    /// All leases of the cluster; those of others have no keys here.
    async fn leases(&self) -> Result<Vec<LeaseInfo>, StoreError> {
        let listed = self.client.read(wire::LeaseLeasesRequest {}).await;
        let listed = listed.map_err(CallError::plain)?;
        let mut ids: Vec<_> = listed.leases.iter().map(|lease| lease.id).collect();
        ids.sort_unstable();
        let found = stream::iter(ids.into_iter().map(|id| self.describe(id))).buffered(AT_A_TIME);
        found.try_filter_map(|found| std::future::ready(Ok(found))).try_collect().await
    }
}

/// `ttl` in whole seconds, rounded up.
fn seconds(ttl: Duration) -> Result<i64, StoreError> {
    if ttl.is_zero() {
        return Err(StoreError::Invalid("lease ttl is zero"));
    }
    if ttl > MAX_LEASE_TTL {
        return Err(StoreError::Invalid("too large lease TTL"));
    }
    let up = u64::from(ttl.subsec_nanos() > 0);
    Ok(i64::try_from(ttl.as_secs() + up).expect("the longest lease fits"))
}

fn duration(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn of_lease(error: CallError, id: LeaseId) -> StoreError {
    match error {
        CallError::Refused(Refusal::LeaseNotFound) => StoreError::LeaseNotFound(id),
        CallError::Refused(Refusal::LeaseExists) => StoreError::LeaseExists(id),
        other => other.plain(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_never_shorter_than_wanted() {
        let cases = [(1, 1), (999, 1), (1000, 1), (1001, 2), (60_000, 60)];
        for (millis, wanted) in cases {
            let given = seconds(Duration::from_millis(millis)).expect("a time within range");
            assert_eq!(given, wanted, "{millis} ms");
        }
        assert!(seconds(Duration::ZERO).is_err());
        assert!(seconds(MAX_LEASE_TTL + Duration::from_secs(1)).is_err());
    }
}
