//! One pod in one cluster: where it may go, how the nodes score, or why there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_core::scheduler::{
    Decision, Placement, PodInfo, Rejection, Scheduler as _, Snapshot,
};
use serde_json::Value as Json;

use super::{agree, cluster, typed};
use crate::Framework;
use crate::dense::{Choice, Core};

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
    let snapshot = cluster::snapshot(case)?;
    let decision = scheduler.schedule(&pod, &snapshot);
    core_agrees(scheduler, pod.clone(), &snapshot, &decision)?;
    match decision {
        Decision::Bind(placement) => placed(&placement, expect),
        Decision::Unschedulable(rejection) => rejected(&rejection, &expect["unschedulable"]),
        _ => Err("the scheduler decided nothing that is known".into()),
    }
}

/// Whether the fast core, where it decides, decides the same: twice, as the second time it goes
/// by what it has kept.
fn core_agrees(
    scheduler: &Arc<Framework>,
    pod: PodInfo,
    snapshot: &Snapshot,
    decision: &Decision,
) -> Result<(), String> {
    let mut core = Core::new([Arc::clone(scheduler)]);
    snapshot.nodes().iter().for_each(|node| core.set_node(&node.name, snapshot));
    if pod.nominated_node().is_some() {
        return Ok(());
    }
    let pod = Arc::new(pod);
    for _ in 0..2 {
        match (core.choose(0, &pod, snapshot, |_| 0), decision) {
            (Choice::Unknown, _) => {}
            (Choice::Node { node, among }, Decision::Bind(placement)) => {
                agree("nodes that the core finds best", &among, &placement.best.len().into())?;
                if !placement.best.contains(&node) {
                    return Err(format!("the core chooses {node}, which is not among the best"));
                }
            }
            (Choice::None(fast), Decision::Unschedulable(slow)) => {
                agree("what the core says", &fast.to_string(), &slow.to_string().into())?;
            }
            (fast, slow) => return Err(format!("the core says {fast:?}, the plugins {slow:?}")),
        }
    }
    Ok(())
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
