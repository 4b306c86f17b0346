//! Plugins that misbehave: one pod fails, with a word about why, and all others go on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orchestrator_client::Client;
use orchestrator_core::scheduler::PodInfo;
use orchestrator_sched::framework::{
    BindPlugin, Bound, Cycle, Filter, FilterPlugin, Permit, PermitPlugin, Plugin, Points,
    PostBindPlugin, PreBindPlugin, Refusal, ReservePlugin, Score, ScorePlugin,
};
use orchestrator_sched::plugins;
use serde_json::json;

use crate::cluster::Cluster;

/// Where the plugin misbehaves, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Filter,
    Score,
    Reserve,
    Permit,
    PermitForEver,
    PreBind,
    Bind,
    BindWithoutEffect,
    PostBind,
}

/// Misbehaves for pods whose names begin with `bad`.
#[derive(Debug)]
struct Fragile(At);

impl Fragile {
    fn try_on(&self, pod: &PodInfo, at: At) {
        assert!(self.0 != at || !is_bad(pod), "boom");
    }
}

fn is_bad(pod: &PodInfo) -> bool {
    pod.key.name.starts_with("bad")
}

impl Plugin for Fragile {
    fn name(&self) -> &'static str {
        "Fragile"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).score(self.clone()).reserve(self.clone());
        points.permit(self.clone()).pre_bind(self.clone()).bind(self.clone()).post_bind(self);
    }
}

impl FilterPlugin for Fragile {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        Filter::each(move |_| {
            self.try_on(cycle.pod, At::Filter);
            Ok(())
        })
    }
}

impl ScorePlugin for Fragile {
    fn prepare<'a>(
        &'a self,
        cycle: Cycle<'a>,
        _: &[&'a orchestrator_core::scheduler::NodeInfo],
    ) -> Score<'a> {
        Score::each(move |_| {
            self.try_on(cycle.pod, At::Score);
            0
        })
    }
}

impl ReservePlugin for Fragile {
    fn reserve(&self, pod: &PodInfo, _: &str) -> Result<(), Refusal> {
        self.try_on(pod, At::Reserve);
        Ok(())
    }

    fn unreserve(&self, _: &PodInfo, _: &str) {}
}

impl PermitPlugin for Fragile {
    fn permit(&self, pod: &PodInfo, _: &str) -> Permit {
        self.try_on(pod, At::Permit);
        match self.0 == At::PermitForEver && is_bad(pod) {
            true => Permit::Wait(Box::pin(std::future::pending()), Duration::from_secs(5)),
            false => Permit::Allow,
        }
    }
}

#[async_trait]
impl PreBindPlugin for Fragile {
    async fn pre_bind(&self, _: &Client, pod: &PodInfo, _: &str) -> Result<(), Refusal> {
        self.try_on(pod, At::PreBind);
        Ok(())
    }
}

#[async_trait]
impl BindPlugin for Fragile {
    async fn bind(&self, _: &Client, pod: &PodInfo, _: &str) -> Result<Bound, Refusal> {
        self.try_on(pod, At::Bind);
        match self.0 == At::BindWithoutEffect && is_bad(pod) {
            true => Ok(Bound::Done),
            false => Ok(Bound::Skip),
        }
    }
}

impl PostBindPlugin for Fragile {
    fn post_bind(&self, pod: &PodInfo, _: &str) {
        self.try_on(pod, At::PostBind);
    }
}

/// A cluster of two nodes with one CPU each; the plugin is asked before all others.
async fn cluster(at: At) -> Cluster {
    let builder = plugins::default_set().into_iter().map(|(plugin, _)| plugin);
    let first = orchestrator_sched::Framework::builder("default-scheduler").with(Fragile(at));
    let framework = builder.fold(first, |builder, plugin| builder.with_shared(plugin));
    let cluster = Cluster::with([framework.build().unwrap()], None).await;
    cluster.node("n1", "1").await;
    cluster.node("n2", "1").await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_one_pod_and_names_the_plugin() {
    for (at, before) in [
        (At::Filter, "0/2 nodes are available: "),
        (At::Score, "0/2 nodes are available: "),
        (At::Reserve, "binding rejected: "),
        (At::Permit, "binding rejected: "),
        (At::PreBind, "binding rejected: "),
        (At::Bind, "binding rejected: "),
    ] {
        let cluster = cluster(at).await;
        cluster.pod("bad", "1", json!({})).await;
        let (reason, message) = cluster.condition("bad").await;
        assert_eq!(reason, "SchedulerError", "{at:?}: {message}");
        let expected = format!("{before}plugin Fragile panicked: boom");
        assert!(message.starts_with(&expected), "{at:?}: {message}");
        let told = cluster.events("bad").await;
        assert!(told.iter().any(|told| told.contains(&expected)), "{at:?}: {told:?}");
        cluster.pod("good", "1", json!({})).await;
        cluster.pod("fine", "1", json!({})).await;
        for name in ["good", "fine"] {
            assert_ne!(cluster.node_of(name).await, "", "{at:?}: {name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_after_the_binding_changes_nothing() {
    let cluster = cluster(At::PostBind).await;
    cluster.pod("bad", "1", json!({})).await;
    assert_ne!(cluster.node_of("bad").await, "");
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_never_comes_ends_by_time() {
    let cluster = cluster(At::PermitForEver).await;
    cluster.pod("bad", "1", json!({})).await;
    cluster.pod("good", "1", json!({})).await;
    assert_ne!(cluster.node_of("good").await, "", "others do not wait");
    cluster.client.env().sleep(Duration::from_secs(6)).await;
    cluster.settle().await;
    let (reason, message) = cluster.condition("bad").await;
    assert_eq!(reason, "SchedulerError");
    assert_eq!(
        message,
        "binding rejected: rejected due to timeout after waiting 5s at plugin Fragile"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_was_said_to_be_bound_and_is_not_gives_its_room_back() {
    let cluster = cluster(At::BindWithoutEffect).await;
    cluster.pod("bad-1", "1", json!({})).await;
    cluster.pod("bad-2", "1", json!({})).await;
    cluster.pod("good", "1", json!({})).await;
    assert_eq!(cluster.node_of("good").await, "", "room is taken for those that may be bound");
    cluster.client.env().sleep(Duration::from_secs(32)).await;
    cluster.settle().await;
    assert_ne!(cluster.node_of("good").await, "");
}
