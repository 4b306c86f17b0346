//! Leases end their keys, never early; and what was promised to live is not forgotten.
//!
//! No client of a run deletes keys that have a lease, so that their end tells that of the lease.

use std::collections::BTreeMap;
use std::time::Duration;

use orchestrator_core::store::{LeaseId, LeaseOp, Revision, StoreError};

use super::replay::lease_of;
use super::{Circumstances, Findings, Truth};
use crate::sim::coverage::{Coverage, Thing};
use crate::sim::history::{Answer, Call, History, Request, Stamp};

/// What the calls tell of one lease.
#[derive(Debug, Default)]
struct Life {
    /// Successful grants and keep-alives: begun, ended, and for how long.
    refreshed: Vec<(Stamp, Stamp, Duration)>,
    /// The first moment at which somebody asked for its end, whatever came of it.
    revoked: Option<u64>,
    /// When its keys were seen to go, and in which revision.
    ended: Option<(u64, Duration, Revision)>,
}

impl Life {
    /// Until when the lease must live, by what was known at the moment `order`.
    ///
    /// A refresh counts from its beginning: it took effect then or later.
    fn until(&self, order: u64, circumstances: Circumstances) -> Option<Duration> {
        let slow = 1.0 - f64::from(circumstances.clock_rate_permille) / 1000.0;
        let known = self.refreshed.iter().filter(|(_, ended, _)| ended.order < order);
        known.map(|(begun, _, ttl)| begun.at + ttl.mul_f64(slow)).max()
    }

    fn revoked_before(&self, order: u64) -> bool {
        self.revoked.is_some_and(|revoked| revoked < order)
    }
}

/// Leases live as long as they must.
pub(super) fn check(
    history: &History,
    truth: &Truth,
    circumstances: Circumstances,
    findings: &mut Findings,
    coverage: &mut Coverage,
) {
    let lives = lives(history, truth);
    for (id, life) in &lives {
        let Some((order, at, revision)) = life.ended else { continue };
        coverage.saw_many(Thing::Expired, u64::from(!life.revoked_before(order)));
        if let Some(until) = life.until(order, circumstances)
            && !life.revoked_before(order)
        {
            findings.expect(at >= until, "lease early", || {
                format!("lease {id} lives until {until:?}; {revision} ended it at {at:?}")
            });
        }
        let late = life.refreshed.iter().find(|(begun, ..)| begun.order > order);
        findings.expect(late.is_none(), "lease twice", || {
            format!("lease {id} was kept alive after {revision} had ended it")
        });
    }
    for call in &history.calls {
        check_refusal(call, &lives, circumstances, findings);
    }
}

/// Nobody is told that a lease is not there while it must be.
fn check_refusal(
    call: &Call,
    lives: &BTreeMap<LeaseId, Life>,
    circumstances: Circumstances,
    findings: &mut Findings,
) {
    let Answer::Refused(error) = &call.answer else { return };
    let StoreError::LeaseNotFound(id) = &**error else { return };
    let Some(life) = lives.get(id) else { return };
    let Some(until) = life.until(call.begun.order, circumstances) else { return };
    let alive = call.ended.at < until && !life.revoked_before(call.ended.order);
    findings.expect(!alive, "lease lost", || {
        format!("lease {id} lives until {until:?} and was not found at {:?}", call.ended.at)
    });
}

fn lives(history: &History, truth: &Truth) -> BTreeMap<LeaseId, Life> {
    let mut lives: BTreeMap<LeaseId, Life> = BTreeMap::new();
    for call in &history.calls {
        let Request::Lease(op) = &call.request else { continue };
        match (op, &call.answer) {
            (LeaseOp::Grant { id, .. } | LeaseOp::KeepAlive(id), Answer::Lease(infos)) => {
                let ttl = infos.first().map_or(Duration::ZERO, |info| info.ttl);
                lives.entry(*id).or_default().refreshed.push((call.begun, call.ended, ttl));
            }
            (LeaseOp::Revoke(id), _) => {
                let life = lives.entry(*id).or_default();
                life.revoked.get_or_insert(call.begun.order);
            }
            _ => {}
        }
    }
    for (revision, commit) in truth.commits().filter(|(_, commit)| commit.maker.is_none()) {
        if let Some(id) = lease_of(&commit.events) {
            let life = lives.entry(id).or_default();
            life.ended.get_or_insert((commit.seen, commit.seen_at, revision));
        }
    }
    lives
}
