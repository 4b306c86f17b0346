//! A scheduler plugin of your own: pods of one team go where that team's pods already are.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use orchestrator::Cluster;
use orchestrator::client::{KindExt, Selection};
use orchestrator::core::scheduler::NodeInfo;
use orchestrator::sched::Plugin;
use orchestrator::sched::framework::{Cycle, MAX_SCORE, Points, Score, ScorePlugin};
use orchestrator::sched::plugins;
use serde_json::json;

#[derive(Debug)]
struct TeamTogether;

impl Plugin for TeamTogether {
    fn name(&self) -> &'static str {
        "TeamTogether"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.score(self);
    }
}

impl ScorePlugin for TeamTogether {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _feasible: &[&'a NodeInfo]) -> Score<'a> {
        let Some(team) = cycle.pod.labels().get("team") else { return Score::skip() };
        Score::each(move |node| {
            let mates = node.pods.iter().filter(|pod| pod.labels().get("team") == Some(team));
            (mates.count() as i64 * 10).min(MAX_SCORE)
        })
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let framework = plugins::defaults("default-scheduler")
        .with(TeamTogether)
        .weight("TeamTogether", 10)
        .build()?;
    let cluster =
        Cluster::builder().simulated(1).simulated_nodes(5).scheduler(framework).start().await?;
    // Pods need the service account that a controller makes in each namespace.
    cluster.settle().await;
    let pods = cluster.client().api::<Pod>();
    for team in ["red", "blue", "red", "blue", "red", "blue"] {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"generateName": format!("{team}-"), "namespace": "default",
                "labels": {"team": team}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }))?;
        pods.create(&pod).await?;
        cluster.advance(Duration::from_secs(5)).await;
    }
    for team in ["red", "blue"] {
        let labels = format!("team={team}");
        let listed = pods.list(&Selection { labels, ..Selection::default() }).await?;
        let node = |pod: &Arc<Pod>| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        let mut nodes: Vec<_> = listed.items.iter().map(node).collect();
        nodes.dedup();
        assert_eq!(
            nodes.len(),
            1,
            "{:?}",
            listed.items.iter().map(|p| p.name()).collect::<Vec<_>>()
        );
        println!("team {team} is together on {}", nodes[0].as_deref().unwrap_or("no node"));
    }
    Ok(())
}
