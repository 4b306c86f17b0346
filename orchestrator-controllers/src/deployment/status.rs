//! The status of a Deployment: counts, and the conditions that tell how an update goes.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet, ReplicaSetStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_client::KindExt;

use super::limits::Limits;
use super::sets::{Sets, replicas};
use crate::clock;

const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
const REPLICA_FAILURE: &str = "ReplicaFailure";
/// The reason of an update that is complete.
const COMPLETE: &str = "NewReplicaSetAvailable";
/// The reason of an update that takes too long.
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
/// The reason while the Deployment is paused.
const PAUSED: &str = "DeploymentPaused";
/// How long after the progress deadline the Deployment is looked at again.
const AFTER_DEADLINE: Duration = Duration::from_secs(1);

/// What has just happened to the new ReplicaSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// Nothing.
    Nothing,
    /// It was made.
    Created,
    /// It could not be made.
    CreateFailed(String),
}

/// A Deployment's status as it becomes.
#[derive(Debug)]
pub(super) struct Report<'a> {
    deployment: &'a Deployment,
    limits: Limits,
    now: Time,
    status: DeploymentStatus,
}

impl<'a> Report<'a> {
    /// The counts, and whether enough pods are available.
    pub(super) fn new(deployment: &'a Deployment, sets: &Sets, limits: Limits, now: Time) -> Self {
        let before = deployment.status.clone().unwrap_or_default();
        let count = |number: fn(&ReplicaSetStatus) -> i32| -> i32 {
            sets.all().filter_map(|set| set.status.as_ref()).map(number).sum()
        };
        let available = sets.available();
        let new = sets.new.as_ref().and_then(|set| set.status.as_ref());
        let status = DeploymentStatus {
            observed_generation: deployment.metadata.generation,
            replicas: Some(count(|status| status.replicas)),
            updated_replicas: Some(new.map_or(0, |status| status.replicas)),
            ready_replicas: Some(count(|status| status.ready_replicas.unwrap_or(0))),
            available_replicas: Some(available),
            unavailable_replicas: Some((sets.total() - available).max(0)),
            terminating_replicas: terminating(sets),
            collision_count: before.collision_count,
            conditions: before.conditions,
        };
        let mut report = Self { deployment, limits, now, status };
        match available >= limits.min_available() {
            true => report.set(
                AVAILABLE,
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            ),
            false => report.set(
                AVAILABLE,
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            ),
        }
        report
    }

    /// Notes what has happened to the new set; a set that was found when the Deployment has no
    /// progress yet counts too.
    pub(super) fn note(&mut self, happened: &Happened, new: Option<&ReplicaSet>) {
        if self.deadline_s().is_none() {
            return;
        }
        let name = new.map_or("", |set| set.name());
        match happened {
            Happened::Created => {
                let message = format!("Created new replica set \"{name}\"");
                self.set(PROGRESSING, "True", "NewReplicaSetCreated", &message);
            }
            Happened::CreateFailed(message) => {
                self.set(PROGRESSING, "False", "ReplicaSetCreateError", message);
            }
            Happened::Nothing if new.is_some() && self.get(PROGRESSING).is_none() => {
                let message = format!("Found new replica set \"{name}\"");
                self.set(PROGRESSING, "True", "FoundNewReplicaSet", &message);
            }
            Happened::Nothing => {}
        }
    }

    /// Notes that the Deployment was paused or resumed.
    pub(super) fn paused(&mut self, paused: bool) {
        let reason = self.get(PROGRESSING).and_then(|condition| condition.reason.clone());
        let reason = reason.as_deref();
        if self.deadline_s().is_none() || reason == Some(TIMED_OUT) {
            return;
        }
        match (paused, reason == Some(PAUSED)) {
            (true, false) => self.set(PROGRESSING, "Unknown", PAUSED, "Deployment is paused"),
            (false, true) => {
                self.set(PROGRESSING, "Unknown", "DeploymentResumed", "Deployment is resumed");
            }
            _ => {}
        }
    }

    /// Notes how the update goes.
    pub(super) fn progress(&mut self, sets: &Sets) {
        if self.deadline_s().is_none() {
            self.remove(PROGRESSING);
        }
        let reason = self.get(PROGRESSING).and_then(|condition| condition.reason.as_deref());
        let was_complete =
            self.status.replicas == self.status.updated_replicas && reason == Some(COMPLETE);
        if self.deadline_s().is_some() && !was_complete {
            let subject = match &sets.new {
                Some(new) => format!("ReplicaSet \"{}\"", new.name()),
                None => format!("Deployment \"{}\"", self.deployment.name()),
            };
            if self.is_complete() {
                let message = format!("{subject} has successfully progressed.");
                self.set(PROGRESSING, "True", COMPLETE, &message);
            } else if self.has_progressed() {
                self.go_on(&format!("{subject} is progressing."));
            } else if self.is_timed_out() {
                let message = format!("{subject} has timed out progressing.");
                self.set(PROGRESSING, "False", TIMED_OUT, &message);
            }
        }
        self.replica_failure(sets);
    }

    /// The status, without zeros as the API shows it, and when to look again whether the update
    /// takes too long.
    pub(super) fn finish(self) -> (DeploymentStatus, Option<Duration>) {
        let wait = self.until_deadline();
        let shown = |number: Option<i32>| number.filter(|number| *number != 0);
        let status = DeploymentStatus {
            replicas: shown(self.status.replicas),
            updated_replicas: shown(self.status.updated_replicas),
            ready_replicas: shown(self.status.ready_replicas),
            available_replicas: shown(self.status.available_replicas),
            unavailable_replicas: shown(self.status.unavailable_replicas),
            ..self.status
        };
        (status, wait)
    }

    /// Whether the whole Deployment is of the new template, and available.
    pub(super) fn is_complete(&self) -> bool {
        let wanted = Some(self.limits.replicas);
        self.status.updated_replicas == wanted
            && self.status.replicas == wanted
            && self.status.available_replicas == wanted
    }

    /// Whether there are more new, ready or available pods, or fewer old ones, than before.
    fn has_progressed(&self) -> bool {
        let before = self.deployment.status.clone().unwrap_or_default();
        let number = Option::unwrap_or_default;
        let old = |s: &DeploymentStatus| number(s.replicas) - number(s.updated_replicas);
        number(self.status.updated_replicas) > number(before.updated_replicas)
            || old(&self.status) < old(&before)
            || number(self.status.ready_replicas) > number(before.ready_replicas)
            || number(self.status.available_replicas) > number(before.available_replicas)
    }

    fn is_timed_out(&self) -> bool {
        let Some(condition) = self.get(PROGRESSING) else { return false };
        match condition.reason.as_deref() {
            Some(COMPLETE) => false,
            Some(TIMED_OUT) => true,
            _ => self.deadline().is_some_and(|deadline| deadline < self.now.0),
        }
    }

    fn until_deadline(&self) -> Option<Duration> {
        let reason = self.get(PROGRESSING)?.reason.as_deref();
        if self.is_complete() || matches!(reason, Some(TIMED_OUT | COMPLETE)) {
            return None;
        }
        let wait = clock::until(self.now.0, self.deadline()?).unwrap_or_default();
        Some(wait + AFTER_DEADLINE)
    }

    fn deadline(&self) -> Option<jiff::Timestamp> {
        let since = self.get(PROGRESSING)?.last_update_time.as_ref()?;
        Some(clock::plus(since, self.deadline_s()?.into()))
    }

    /// The progress deadline; `None` where progress is not watched.
    fn deadline_s(&self) -> Option<i32> {
        let spec = self.deployment.spec.as_ref()?;
        spec.progress_deadline_seconds.filter(|deadline| *deadline != i32::MAX)
    }

    fn replica_failure(&mut self, sets: &Sets) {
        let failed = |set: &ReplicaSet| {
            let conditions = set.status.as_ref()?.conditions.as_ref()?;
            conditions.iter().find(|condition| condition.type_ == REPLICA_FAILURE).cloned()
        };
        let new = sets.new.as_ref().and_then(|set| failed(set));
        let failure = new.or_else(|| sets.old.iter().find_map(|set| failed(set)));
        match failure {
            None => self.remove(REPLICA_FAILURE),
            Some(failure) => self.set(
                REPLICA_FAILURE,
                &failure.status,
                failure.reason.as_deref().unwrap_or_default(),
                failure.message.as_deref().unwrap_or_default(),
            ),
        }
    }

    fn get(&self, r#type: &str) -> Option<&DeploymentCondition> {
        self.status.conditions.as_ref()?.iter().find(|condition| condition.type_ == r#type)
    }

    fn remove(&mut self, r#type: &str) {
        if let Some(conditions) = &mut self.status.conditions {
            conditions.retain(|condition| condition.type_ != r#type);
        }
    }

    /// Sets a condition; one that stands with the same reason stays as it is.
    fn set(&mut self, r#type: &str, status: &str, reason: &str, message: &str) {
        let same =
            |c: &&DeploymentCondition| c.status == status && c.reason.as_deref() == Some(reason);
        if self.get(r#type).filter(same).is_none() {
            self.put(r#type, status, reason, message);
        }
    }

    /// Each step forward moves the time of the last update on, and so the deadline.
    fn go_on(&mut self, message: &str) {
        self.put(PROGRESSING, "True", "ReplicaSetUpdated", message);
    }

    /// Replaces a condition, as the last; the transition time changes with the status only.
    fn put(&mut self, r#type: &str, status: &str, reason: &str, message: &str) {
        let before = self.get(r#type).filter(|condition| condition.status == status);
        let since = before.and_then(|condition| condition.last_transition_time.clone());
        self.remove(r#type);
        self.status.conditions.get_or_insert_default().push(DeploymentCondition {
            type_: r#type.into(),
            status: status.into(),
            reason: Some(reason.into()),
            message: Some(message.into()),
            last_update_time: Some(self.now.clone()),
            last_transition_time: since.or_else(|| Some(self.now.clone())),
        });
    }
}

/// The pods on their way out, where all sets tell.
fn terminating(sets: &Sets) -> Option<i32> {
    let tell = |set: &std::sync::Arc<ReplicaSet>| match set.status.as_ref() {
        Some(status) if status.terminating_replicas.is_some() => status.terminating_replicas,
        // A set that nobody has looked at yet, or that never had pods, has none.
        _ => (replicas(set) == 0).then_some(0),
    };
    sets.all().map(tell).sum()
}

/// Whether two statuses say the same; a missing number is zero.
pub(super) fn same(a: &DeploymentStatus, b: &DeploymentStatus) -> bool {
    let numbers = |status: &DeploymentStatus| {
        [
            status.replicas,
            status.updated_replicas,
            status.ready_replicas,
            status.available_replicas,
            status.unavailable_replicas,
            status.collision_count,
        ]
        .map(Option::unwrap_or_default)
    };
    let conditions = |status: &DeploymentStatus| status.conditions.clone().unwrap_or_default();
    numbers(a) == numbers(b)
        && a.observed_generation == b.observed_generation
        && a.terminating_replicas == b.terminating_replicas
        && conditions(a) == conditions(b)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{deployment, set};
    use super::*;
    use std::sync::Arc;

    fn at(second: u32) -> Time {
        Time(format!("2026-01-01T00:{:02}:{:02}Z", second / 60, second % 60).parse().unwrap())
    }

    fn counted(name: &str, replicas: i32, ready: i32) -> Arc<ReplicaSet> {
        let mut set = ReplicaSet::clone(&set(name, replicas));
        set.status = Some(ReplicaSetStatus {
            replicas,
            ready_replicas: Some(ready),
            available_replicas: Some(ready),
            terminating_replicas: Some(0),
            ..ReplicaSetStatus::default()
        });
        Arc::new(set)
    }

    /// The reasons of all conditions after one look, and the wait for the deadline in seconds.
    fn look(deployment: &mut Deployment, sets: &Sets, happened: Happened, second: u32) -> String {
        let limits = Limits::of(deployment);
        let mut report = Report::new(deployment, sets, limits, at(second));
        report.note(&happened, sets.new.as_deref());
        report.progress(sets);
        let (status, wait) = report.finish();
        let conditions = status.conditions.clone().unwrap();
        let mut words: Vec<String> =
            conditions.iter().map(|c| c.reason.clone().unwrap_or_default()).collect();
        words.extend(wait.map(|wait| wait.as_secs().to_string()));
        deployment.status = Some(status);
        words.join(" ")
    }

    #[test]
    fn an_update_progresses_completes_or_times_out() {
        let mut deployment = deployment(2);
        let sets = |ready| Sets { new: Some(counted("web-1", 2, ready)), old: vec![] };
        let made = Sets { new: Some(set("web-1", 2)), old: vec![] };
        let steps = [
            (&made, Happened::Created, 0, "MinimumReplicasUnavailable NewReplicaSetCreated 601"),
            (&sets(0), Happened::Nothing, 1, "MinimumReplicasUnavailable ReplicaSetUpdated 601"),
            (&sets(0), Happened::Nothing, 11, "MinimumReplicasUnavailable ReplicaSetUpdated 591"),
            (&sets(1), Happened::Nothing, 20, "MinimumReplicasUnavailable ReplicaSetUpdated 601"),
            (
                &sets(1),
                Happened::Nothing,
                621,
                "MinimumReplicasUnavailable ProgressDeadlineExceeded",
            ),
            (&sets(2), Happened::Nothing, 630, "MinimumReplicasAvailable NewReplicaSetAvailable"),
            (&sets(1), Happened::Nothing, 640, "NewReplicaSetAvailable MinimumReplicasUnavailable"),
        ];
        for (sets, happened, second, want) in steps {
            let got = look(&mut deployment, sets, happened, second);
            assert_eq!(got, want, "at {second}");
        }
    }

    #[test]
    fn a_pause_is_told_and_stops_the_deadline_when_it_ends() {
        let deployment = deployment(2);
        let sets = Sets { new: Some(counted("web-1", 2, 1)), old: vec![counted("web-0", 1, 1)] };
        let mut report = Report::new(&deployment, &sets, Limits::of(&deployment), at(0));
        report.paused(true);
        report.paused(true);
        let reason = |report: &Report<'_>| report.get(PROGRESSING).unwrap().reason.clone().unwrap();
        assert_eq!(reason(&report), PAUSED);
        report.paused(false);
        assert_eq!(reason(&report), "DeploymentResumed");
        let status = report.finish().0;
        let numbers = (status.replicas, status.updated_replicas, status.unavailable_replicas);
        assert_eq!(numbers, (Some(3), Some(2), Some(1)));
    }
}
