//! `orchestrator explain`: a scheduling decision, told as tables.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use orchestrator::client::Informers;
use orchestrator::core::scheduler::{PodInfo, Scheduler as _, Snapshot};
use orchestrator::core::{BoxError, ObjectKey};
use orchestrator::sched::Framework;
use orchestrator::sched::explain::{Explained, Explanation, Verdict, explain};
use orchestrator::sched::run::snapshot;

use super::parts::client;
use super::scheduler::read;
use crate::UsageError;
use crate::args::{Explain, ExplainPod};
use crate::report::table;

/// How many ways to make a pod fit are told.
const MAX_REMEDIES: usize = 10;

pub async fn run(explain: Explain) -> Result<(), BoxError> {
    match explain {
        Explain::Pod(pod) => explain_pod(&pod).await,
    }
}

async fn explain_pod(asked: &ExplainPod) -> Result<(), BoxError> {
    let configuration = read(asked.config.as_deref())?;
    let client = client(&asked.remote.kubeconfig)?;
    let key = ObjectKey::new(asked.namespace.as_str(), asked.name.as_str());
    let found = client.api::<Pod>().find(&key).await?;
    let found = found.ok_or_else(|| UsageError(format!("there is no pod {key}").into()))?;
    let mut snapshot = snapshot(&Informers::new(client)).await;
    let (pod, node) = set_free(&found, &mut snapshot);
    let profiles = &configuration.profiles;
    let profile = profiles.iter().find(|profile| profile.name() == pod.scheduler_name());
    let profile = profile.or_else(|| profiles.first().filter(|_| asked.config.is_none()));
    let profile: &Framework = profile.ok_or_else(|| {
        let why =
            format!("--config has no profile {:?}, which the pod asks for", pod.scheduler_name());
        UsageError(why.into())
    })?;
    let told = explain(profile, &pod, &snapshot);
    if let Some(node) = node {
        println!("pod {key} is on {node}; as if it had no node:");
    }
    print!("{}", in_words(&told, asked.nodes));
    Ok(())
}

/// The pod as it was before it got its node, and that node; it takes no room in the snapshot.
fn set_free(pod: &Pod, snapshot: &mut Snapshot) -> (PodInfo, Option<String>) {
    let mut free = pod.clone();
    let node = free.spec.as_mut().and_then(|spec| spec.node_name.take());
    let info = PodInfo::new(Arc::new(free));
    if let Some(node) = &node {
        snapshot.forget(&info.id, node);
    }
    (info, node)
}

/// The whole explanation, with at most `most` nodes in each table.
fn in_words(told: &Explanation, most: usize) -> String {
    let mut text = format!("pod {}: {}\n", told.pod, told.verdict);
    if let Verdict::Unschedulable { nomination: Some(nomination), .. } = &told.verdict {
        let victims: Vec<_> = nomination.victims.iter().map(|pod| pod.key.to_string()).collect();
        text += &format!("room is made on {}: {} leave\n", nomination.node, victims.join(", "));
    }
    if let Some(whole) = &told.whole {
        text += &format!("refused by {}: {}\n", whole.plugin, whole.reasons.join(", "));
    }
    let (mut passing, mut refused): (Vec<_>, Vec<_>) =
        told.nodes.iter().partition(|node| node.obstacles.is_empty());
    if !passing.is_empty() {
        passing.sort_by_key(|node| std::cmp::Reverse(node.total()));
        text += &format!("\n{}", scores(told, &passing, most));
    }
    if !refused.is_empty() {
        refused.sort_by_key(|node| node.obstacles.len());
        text += &format!("\n{}", refusals(&refused, most));
    }
    let remedies = told.remedies();
    if !remedies.is_empty() {
        text += "\nIt would fit after one of these changes:\n";
    }
    for remedy in remedies.iter().take(MAX_REMEDIES) {
        text += &format!("  {remedy}\n");
    }
    text + &more(remedies.len(), MAX_REMEDIES)
}

/// The scores of the nodes that the pod may go to, and what the headings mean.
fn scores(told: &Explanation, passing: &[&Explained], most: usize) -> String {
    let short: Vec<_> = told.plugins.iter().map(|(plugin, _)| capitals(plugin)).collect();
    let mut headings = vec!["NODE", "TOTAL"];
    headings.extend(short.iter().map(String::as_str));
    let mut shown = table(&headings);
    for node in passing.iter().take(most) {
        let mut row = vec![node.node.to_string(), node.total().to_string()];
        row.extend(node.scores.iter().map(|(raw, weighted)| format!("{raw} > {weighted}")));
        shown.add_row(row);
    }
    let mut text = format!("{shown}\n{}", more(passing.len(), most));
    text += "Each score as the plugin gives it > normalised and weighted:\n";
    for ((plugin, weight), short) in told.plugins.iter().zip(&short) {
        text += &format!("  {short:5} {plugin}, weight {weight}\n");
    }
    text
}

/// Why the other nodes are refused, and what would help.
fn refusals(refused: &[&Explained], most: usize) -> String {
    let mut shown = table(&["NODE", "REFUSED BY", "WHY", "WHAT WOULD HELP"]);
    for node in refused.iter().take(most) {
        let mut name = node.node.to_string();
        for obstacle in &node.obstacles {
            let changes: Vec<_> = obstacle.changes.iter().map(ToString::to_string).collect();
            shown.add_row([
                std::mem::take(&mut name),
                obstacle.plugin.to_owned(),
                obstacle.reasons.join(", "),
                changes.join(", "),
            ]);
        }
    }
    format!("{shown}\n{}", more(refused.len(), most))
}

/// A line about what is not shown.
fn more(count: usize, most: usize) -> String {
    match count.saturating_sub(most) {
        0 => String::new(),
        more => format!("  ... and {more} more\n"),
    }
}

/// The capital letters of a name, as in `NRF`.
fn capitals(name: &str) -> String {
    name.chars().filter(char::is_ascii_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator::sched::plugins;
    use serde_json::json;

    fn told(cpu: &str) -> String {
        let mut snapshot = Snapshot::default();
        for (name, taints) in
            [("a", json!([])), ("b", json!([{"key": "k", "effect": "NoSchedule"}]))]
        {
            let node = json!({"metadata": {"name": name}, "spec": {"taints": taints},
                "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "5"}}});
            snapshot.set_node(Arc::new(serde_json::from_value(node).unwrap()));
        }
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"nodeName": "a", "containers": [
                {"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        }))
        .unwrap();
        snapshot.assume(Arc::new(PodInfo::new(Arc::new(pod.clone()))), "a");
        let (pod, node) = set_free(&pod, &mut snapshot);
        assert_eq!(node.as_deref(), Some("a"));
        in_words(&explain(&plugins::defaults("x").build().unwrap(), &pod, &snapshot), 10)
    }

    #[test]
    fn a_pod_that_fits_is_told_by_scores() {
        let text = told("2");
        assert!(text.starts_with("pod n/p: goes to a\n"), "{text}");
        assert!(text.contains("TOTAL") && text.contains("NRBA"), "{text}");
        assert!(text.contains("NodeResourcesBalancedAllocation, weight 1"), "{text}");
        assert!(text.contains("tolerate k:NoSchedule"), "{text}");
        assert!(!text.contains("It would fit"), "{text}");
    }

    #[test]
    fn a_pod_that_does_not_fit_is_told_what_would_have_to_change() {
        let text = told("3");
        assert!(text.contains("0/2 nodes are available: 1 Insufficient cpu"), "{text}");
        assert!(text.contains("a: 1 more cpu, more than the node has"), "{text}");
        assert!(text.contains("b: tolerate k:NoSchedule; 1 more cpu"), "{text}");
    }
}
