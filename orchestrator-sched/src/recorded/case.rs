//! One pod in one cluster: where it may go, how the nodes score, or why there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_core::scheduler::{Decision, Placement, PodInfo, Rejection, Scheduler as _};
use serde_json::Value as Json;

use super::{agree, cluster, typed};
use crate::Framework;

/// Decides a case and compares.
pub(super) fn check(
    case: &Json,
    schedulers: &BTreeMap<String, Arc<Framework>>,
) -> Result<(), String> {
    let pod = PodInfo::new(Arc::new(typed(&case["incoming"])?));
    let expect = &case["expect"];
    let scheduler = schedulers.get(pod.scheduler_name());
    let Some(scheduler) = scheduler.filter(|scheduler| scheduler.gate(&pod).is_none()) else {
        return agree("untouched", &true, &expect["untouched"]);
    };
    match scheduler.schedule(&pod, &cluster::snapshot(case)?) {
        Decision::Bind(placement) => placed(&placement, expect),
        Decision::Unschedulable(rejection) => rejected(&rejection, &expect["unschedulable"]),
        _ => Err("the scheduler decided nothing that is known".into()),
    }
}

fn placed(placement: &Placement, expect: &Json) -> Result<(), String> {
    agree("feasible", &placement.feasible, &expect["feasible"])?;
    if expect.get("total").is_some() {
        let by_node = |scores: &[i64]| -> BTreeMap<String, i64> {
            let names = placement.feasible.iter().map(ToString::to_string);
            names.zip(scores.iter().copied()).collect()
        };
        let scores = placement.scores.iter().map(|part| (part.plugin, by_node(&part.scores)));
        agree("scores", &scores.collect::<BTreeMap<_, _>>(), &expect["scores"])?;
        agree("total", &by_node(&placement.totals), &expect["total"])?;
    }
    agree("best", &placement.best, &expect["best"])
}

fn rejected(rejection: &Rejection, expect: &Json) -> Result<(), String> {
    agree("message", &rejection.to_string(), &expect["message"])?;
    let nomination = rejection.nomination.as_ref();
    agree("nominated", &nomination.map(|n| &*n.node), &expect["nominated"])?;
    let victims = nomination.into_iter().flat_map(|nomination| &nomination.victims);
    let leaving = victims.filter(|pod| !pod.is_terminating());
    let mut leaving: Vec<_> = leaving.map(|pod| pod.key.to_string()).collect();
    leaving.sort();
    let mut expected: Vec<String> = typed(&expect["victims"])?;
    expected.sort();
    agree("victims", &leaving, &Json::from(expected))
}
