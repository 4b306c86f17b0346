//! What to do about a lease, as pure decisions on what was read and when.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

/// The lease as last seen, and since when it has looked like this by our own clock.
///
/// The times inside the lease come from other machines' clocks and are never compared with ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    pub spec: LeaseSpec,
    pub since: Instant,
}

/// What may be done with a lease that exists.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Somebody else holds it; it may be free at this time.
    Wait(Instant),
    /// Write this to take or keep it.
    Write(Box<LeaseSpec>),
}

impl Observed {
    /// Keeps the time of the first sight while the lease does not change.
    pub(super) fn update(before: Option<Self>, spec: LeaseSpec, now: Instant) -> Self {
        match before {
            Some(before) if before.spec == spec => before,
            _ => Self { spec, since: now },
        }
    }

    /// What `identity` may do with the lease at `now`.
    pub(super) fn decide(&self, identity: &str, own: &LeaseSpec, now: Instant) -> Step {
        let holder = self.spec.holder_identity.as_deref().unwrap_or_default();
        let valid_s = u64::try_from(self.spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
        let free_at = self.since + Duration::from_secs(valid_s);
        if !holder.is_empty() && holder != identity && now < free_at {
            return Step::Wait(free_at);
        }
        let mut spec = own.clone();
        let transitions = self.spec.lease_transitions.unwrap_or(0);
        if holder == identity {
            spec.acquire_time.clone_from(&self.spec.acquire_time);
            spec.lease_transitions = Some(transitions);
        } else {
            spec.lease_transitions = Some(transitions.saturating_add(1));
        }
        Step::Write(Box::new(spec))
    }
}

/// The lease that `identity` writes when it takes it at `now`.
pub(super) fn taken(identity: &str, duration: Duration, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(identity.into()),
        lease_duration_seconds: Some(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(0),
        ..LeaseSpec::default()
    }
}

/// The lease that is written to give it back: held by nobody, free after a second.
pub(super) fn released(held: &LeaseSpec, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_transitions: held.lease_transitions,
        ..LeaseSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::Env;

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_taken_when_it_is_free_ours_or_has_not_moved_for_its_duration() {
        let env = Env::simulated(1);
        let start = env.instant();
        let spec = |holder: &str| LeaseSpec {
            lease_transitions: Some(3),
            ..taken(holder, Duration::from_secs(15), env.now())
        };
        let at = |s| start + Duration::from_secs(s);
        let cases = [
            ("us", 0, Some(3)),
            ("", 0, Some(4)),
            ("them", 0, None),
            ("them", 14, None),
            ("them", 15, Some(4)),
        ];
        for (holder, now_s, want) in cases {
            let observed = Observed { spec: spec(holder), since: start };
            let own = taken("us", Duration::from_secs(15), env.now());
            let got = match observed.decide("us", &own, at(now_s)) {
                Step::Wait(until) => {
                    assert_eq!(until, at(15));
                    None
                }
                Step::Write(spec) => spec.lease_transitions,
            };
            assert_eq!(got, want, "{holder} at {now_s}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_lease_counts_from_the_moment_its_change_was_seen() {
        let env = Env::simulated(1);
        let first = taken("them", Duration::from_secs(15), env.now());
        let seen = Observed::update(None, first.clone(), env.instant());
        env.sleep(Duration::from_secs(5)).await;
        let same = Observed::update(Some(seen.clone()), first, env.instant());
        assert_eq!(same.since, seen.since);
        let renewed = taken("them", Duration::from_secs(15), env.now());
        assert_eq!(Observed::update(Some(same), renewed, env.instant()).since, env.instant());
    }
}
