//! How many replicas a measured use asks for.
//!
//! Pods without a measurement, and pods that have just started, do not count as they are: each is
//! taken to say whatever keeps the change small.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;

use super::limits::whole;
use crate::workload::pods::{condition, phase};

/// A pod's use of the processor says nothing before it has run for so long.
const STARTUP: Duration = Duration::from_secs(300);
/// A pod that was never ready within this time after its start is still starting.
const FIRST_READY: Duration = Duration::from_secs(30);

/// What was measured of one pod, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub value: i64,
    pub at: Timestamp,
    pub window: Duration,
}

/// What was measured, by pod.
pub(super) type Samples = BTreeMap<String, Sample>;

/// How far from its aim a use may be without a change: below and above.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    pub down: f64,
    pub up: f64,
}

impl Tolerance {
    pub(super) fn allows(self, ratio: f64) -> bool {
        (1.0 - self.down) <= ratio && ratio <= 1.0 + self.up
    }
}

/// A target with its pods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub current: i32,
    pub pods: &'a [Arc<Pod>],
    pub tolerance: Tolerance,
    pub now: Timestamp,
}

/// What each pod shall use, and what it would if it were as aimed at.
#[derive(Clone, Debug)]
pub(super) enum Aim {
    /// So much per pod, in thousandths.
    Value(i64),
    /// So many percent of what each pod asks for, which is given in thousandths.
    Percent(i32, BTreeMap<String, i64>),
}

/// How many replicas there shall be, and what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub replicas: i32,
    /// The use in percent of what was asked for.
    pub percent: Option<i32>,
    /// The use per pod, in thousandths.
    pub value: i64,
}

/// What is missing, so that no number of replicas can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UsageError {
    #[error("no pods returned by selector while calculating replica count")]
    Pods,
    #[error("did not receive metrics for targeted pods (pods might be unready)")]
    Samples,
    #[error("no metrics returned matched known pods")]
    Match,
    #[error(
        "unable to calculate ready pods: no pods returned by selector while calculating replica count"
    )]
    ReadyPods,
}

/// The pods of a target, by what their samples are worth.
#[derive(Debug, Default)]
struct Groups {
    ready: i32,
    unready: BTreeSet<String>,
    missing: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

/// How many replicas `samples` ask for; `cpu` says that they are of the processor.
pub(super) fn propose(
    target: &Target<'_>,
    mut samples: Samples,
    aim: &Aim,
    cpu: bool,
) -> Result<Proposal, UsageError> {
    if target.pods.is_empty() {
        return Err(UsageError::Pods);
    }
    let groups = group(target, &samples, cpu);
    samples.retain(|pod, _| !groups.unready.contains(pod) && !groups.ignored.contains(pod));
    if samples.is_empty() {
        return Err(UsageError::Samples);
    }
    let (ratio, percent, value) = aim.ratio(&samples)?;
    let proposal = |replicas| Ok(Proposal { replicas, percent, value });
    let with_unready = !groups.unready.is_empty() && ratio > 1.0;
    if !with_unready && groups.missing.is_empty() {
        return match target.tolerance.allows(ratio) {
            true => proposal(target.current),
            false => proposal(whole((ratio * f64::from(groups.ready)).ceil())),
        };
    }
    for pod in &groups.missing {
        if ratio < 1.0 {
            samples.insert(pod.clone(), filled(aim.full(pod), target.now));
        } else if ratio > 1.0 {
            samples.insert(pod.clone(), filled(0, target.now));
        }
    }
    if with_unready {
        let zero = groups.unready.iter().map(|pod| (pod.clone(), filled(0, target.now)));
        samples.extend(zero);
    }
    let (filled_ratio, _, _) = aim.ratio(&samples)?;
    let turned = (ratio < 1.0 && filled_ratio > 1.0) || (ratio > 1.0 && filled_ratio < 1.0);
    if target.tolerance.allows(filled_ratio) || turned {
        return proposal(target.current);
    }
    let count = f64::from(i32::try_from(samples.len()).unwrap_or(i32::MAX));
    let replicas = whole((filled_ratio * count).ceil());
    let wrong_way = (filled_ratio < 1.0 && replicas > target.current)
        || (filled_ratio > 1.0 && replicas < target.current);
    proposal(if wrong_way { target.current } else { replicas })
}

/// How many replicas a single measurement asks for that is `ratio` times what it shall be.
pub(super) fn by_ratio(target: &Target<'_>, ratio: f64) -> Result<i32, UsageError> {
    if target.current == 0 {
        return Ok(whole(ratio.ceil()));
    }
    if target.tolerance.allows(ratio) {
        return Ok(target.current);
    }
    if target.pods.is_empty() {
        return Err(UsageError::ReadyPods);
    }
    let ready = target
        .pods
        .iter()
        .filter(|pod| phase(pod) == "Running" && crate::workload::pods::is_ready(pod));
    let ready = i32::try_from(ready.count()).unwrap_or(i32::MAX);
    Ok(whole((ratio * f64::from(ready)).ceil()))
}

/// How many replicas a single measurement asks for of which each has its share; `replicas` is how
/// many share it now. Returns the share too.
pub(super) fn by_share(tolerance: Tolerance, replicas: i32, usage: i64, share: i64) -> (i32, i64) {
    let wanted = whole((usage as f64 / share as f64).ceil());
    let present = f64::from(replicas);
    let ratio = usage as f64 / (share as f64 * present);
    let value = if replicas > 0 { (usage as f64 / present).ceil() as i64 } else { usage };
    (if tolerance.allows(ratio) { replicas } else { wanted }, value)
}

fn filled(value: i64, now: Timestamp) -> Sample {
    Sample { value, at: now, window: Duration::ZERO }
}

impl Aim {
    /// Use as a multiple of what it shall be, in percent, and per pod.
    fn ratio(&self, samples: &Samples) -> Result<(f64, Option<i32>, i64), UsageError> {
        match self {
            Self::Value(aim) => {
                let sum: i128 = samples.values().map(|sample| i128::from(sample.value)).sum();
                let each = sum / samples.len().max(1) as i128;
                let each = i64::try_from(each).unwrap_or(i64::MAX);
                Ok((each as f64 / *aim as f64, None, each))
            }
            Self::Percent(aim, requests) => {
                let known =
                    samples.iter().filter_map(|(pod, s)| Some((s.value, requests.get(pod)?)));
                let (mut used, mut asked, mut count) = (0i128, 0i128, 0i128);
                for (value, request) in known {
                    used += i128::from(value);
                    asked += i128::from(*request);
                    count += 1;
                }
                if asked == 0 {
                    return Err(UsageError::Match);
                }
                let percent = i32::try_from(used * 100 / asked).unwrap_or(i32::MAX);
                let each = i64::try_from(used / count).unwrap_or(i64::MAX);
                Ok((f64::from(percent) / f64::from(*aim), Some(percent), each))
            }
        }
    }

    /// What a pod without a sample is taken to use where the target would shrink.
    fn full(&self, pod: &str) -> i64 {
        match self {
            Self::Value(aim) => *aim,
            Self::Percent(aim, requests) => {
                let request = requests.get(pod).copied().unwrap_or(0);
                request.saturating_mul(i64::from((*aim).max(100))) / 100
            }
        }
    }
}

fn group(target: &Target<'_>, samples: &Samples, cpu: bool) -> Groups {
    let mut groups = Groups::default();
    for pod in target.pods {
        let name = pod.name().to_owned();
        if pod.is_terminating() || phase(pod) == "Failed" {
            groups.ignored.insert(name);
        } else if phase(pod) == "Pending" {
            groups.unready.insert(name);
        } else if let Some(sample) = samples.get(&name) {
            match cpu && is_starting(pod, sample, target.now) {
                true => drop(groups.unready.insert(name)),
                false => groups.ready += 1,
            }
        } else {
            groups.missing.insert(name);
        }
    }
    groups
}

/// Whether a sample is of the work of starting rather than of the work.
fn is_starting(pod: &Pod, sample: &Sample, now: Timestamp) -> bool {
    let started = pod.status.as_ref().and_then(|status| status.start_time.as_ref());
    let (Some(ready), Some(started)) = (condition(pod, "Ready"), started) else { return true };
    let since = ready.last_transition_time.as_ref().map_or(Timestamp::MIN, |time| time.0);
    let later = |time: Timestamp, wait: Duration| time.checked_add(wait).unwrap_or(Timestamp::MAX);
    match later(started.0, STARTUP) > now {
        true => ready.status == "False" || sample.at < later(since, sample.window),
        false => ready.status == "False" && later(started.0, FIRST_READY) > since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-01-01T01:00:00Z".parse().unwrap()
    }

    fn pod(name: &str, phase: &str) -> Arc<Pod> {
        Arc::new(
            serde_json::from_value(json!({"metadata": {"name": name}, "status": {
                "phase": phase, "startTime": "2026-01-01T00:00:00Z", "conditions": [{
                    "type": "Ready", "status": "True",
                    "lastTransitionTime": "2026-01-01T00:01:00Z"}]}}))
            .unwrap(),
        )
    }

    fn samples(values: &[i64]) -> Samples {
        let sample = |(index, value): (usize, &i64)| {
            let window = Duration::from_secs(60);
            (format!("p{index}"), Sample { value: *value, at: now(), window })
        };
        values.iter().enumerate().map(sample).collect()
    }

    fn replicas(phases: &[&str], values: &[i64], aim: &Aim) -> Result<i32, UsageError> {
        let pods: Vec<_> =
            phases.iter().enumerate().map(|(i, phase)| pod(&format!("p{i}"), phase)).collect();
        let current = i32::try_from(pods.len()).unwrap();
        let tolerance = Tolerance { down: 0.1, up: 0.1 };
        let target = Target { current, pods: &pods, tolerance, now: now() };
        propose(&target, samples(values), aim, true).map(|proposal| proposal.replicas)
    }

    #[test]
    fn use_above_or_below_the_aim_changes_the_number() {
        const R: &str = "Running";
        let percent =
            |aim| Aim::Percent(aim, (0..9).map(|index| (format!("p{index}"), 1000)).collect());
        let cases = [
            (&[R, R, R][..], &[300, 500, 700][..], percent(30), Ok(5)),
            (&[R, R, R], &[300, 300, 300], percent(30), Ok(3)),
            (&[R, R, R], &[310, 320, 310], percent(30), Ok(3)),
            (&[R, R, R], &[100, 100, 100], percent(50), Ok(1)),
            (&[R, R, R], &[20000, 10000, 30000], Aim::Value(15000), Ok(4)),
            // A pod that is pending is taken to use nothing.
            (&[R, R, "Pending"], &[300, 500], percent(30), Ok(3)),
            // One that has failed is not there.
            (&[R, R, "Failed"], &[600, 600], percent(30), Ok(4)),
            // One without a sample holds back either way.
            (&[R, R], &[1000], percent(50), Ok(2)),
            (&[R, R], &[100], percent(50), Ok(2)),
            (&[], &[], percent(50), Err(UsageError::Pods)),
            (&[R], &[], percent(50), Err(UsageError::Samples)),
        ];
        for (phases, values, aim, want) in cases {
            assert_eq!(replicas(phases, values, &aim), want, "{phases:?} {values:?} {aim:?}");
        }
    }

    #[test]
    fn a_share_divides_one_measurement() {
        let tolerance = Tolerance { down: 0.1, up: 0.1 };
        assert_eq!(by_share(tolerance, 3, 8600, 2000), (5, 2867));
        assert_eq!(by_share(tolerance, 3, 6000, 2000), (3, 2000));
        assert_eq!(by_share(tolerance, 0, 6000, 2000), (3, 6000));
    }

    proptest! {
        #[test]
        fn more_use_never_asks_for_fewer_replicas(
            values in prop::collection::vec(1i64..2000, 1..6), more in 0i64..2000, aim in 10i32..90,
        ) {
            let phases = vec!["Running"; values.len()];
            let requests = (0..9).map(|index| (format!("p{index}"), 1000)).collect();
            let aim = Aim::Percent(aim, requests);
            let grown: Vec<_> = values.iter().map(|value| value + more).collect();
            let (less, more) = (replicas(&phases, &values, &aim), replicas(&phases, &grown, &aim));
            prop_assert!(less.unwrap() <= more.unwrap());
        }
    }
}
