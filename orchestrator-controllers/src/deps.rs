//! What the built-in controllers are made from.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use orchestrator_client::{Client, Informers, Recorder};
use orchestrator_core::resource::GroupResource;
use orchestrator_core::{Env, GroupVersionResource, ResourceDef, Status, Verb};
use parking_lot::Mutex;

use crate::certificates::Authority;
use crate::volume::Provisioner;

/// What the built-in controllers are made from.
#[derive(Clone, Debug)]
pub struct ControllerDeps {
    /// The caches to read from, and the client to write with.
    pub informers: Informers,
    /// What the API serves.
    pub resources: Resources,
    /// The cluster's own settings.
    pub config: Config,
}

impl ControllerDeps {
    /// With the default settings.
    pub fn new(informers: Informers, resources: Resources) -> Self {
        Self { informers, resources, config: Config::default() }
    }

    /// The client underneath.
    pub fn client(&self) -> &Client {
        self.informers.client()
    }

    /// Clock, randomness, tasks.
    pub fn env(&self) -> &Env {
        self.client().env()
    }

    /// Reports events as `component`.
    pub(crate) fn recorder(&self, component: &str) -> Recorder {
        Recorder::new(self.client(), component, "")
    }
}

/// The settings of the built-in controllers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The certificates, in PEM, that pods trust the API server by; empty for none, then no
    /// `kube-root-ca.crt` is made.
    pub root_ca: String,
    /// The addresses of pods, in CIDR form; empty where nodes bring their own ranges.
    pub pod_cidr: String,
    /// The prefix length of one node's part of them.
    pub node_cidr_mask: u8,
    /// How many finished pods may be kept before the oldest are deleted; 0 for no limit.
    pub terminated_pods: usize,
    /// How long a node may be silent before it counts as unreachable.
    pub node_grace: Duration,
    /// How long a new node may take to speak for the first time.
    pub node_startup_grace: Duration,
    /// Signs what certificate requests ask for; nothing is signed without.
    pub authority: Option<Arc<Authority>>,
    /// Make volumes for the classes that name them.
    pub provisioners: Vec<Arc<dyn Provisioner>>,
}

impl Default for Config {
    /// The settings of kube-controller-manager, with pods on loopback addresses.
    fn default() -> Self {
        Self {
            root_ca: String::new(),
            pod_cidr: "127.64.0.0/12".into(),
            node_cidr_mask: 24,
            terminated_pods: 12_500,
            node_grace: Duration::from_secs(40),
            node_startup_grace: Duration::from_secs(60),
            authority: None,
            provisioners: Vec::new(),
        }
    }
}

/// A resource that the API serves, as far as controllers of all kinds need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedResource {
    /// Group, version and plural.
    pub gvr: GroupVersionResource,
    /// The kind.
    pub kind: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// The verbs served.
    pub verbs: Vec<Verb>,
}

impl From<&ResourceDef> for ServedResource {
    fn from(def: &ResourceDef) -> Self {
        Self {
            gvr: def.gvr.clone(),
            kind: def.kind.to_string(),
            namespaced: def.is_namespaced(),
            verbs: def.verbs.clone(),
        }
    }
}

impl ServedResource {
    /// Whether all of `verbs` are served.
    pub fn serves(&self, verbs: &[Verb]) -> bool {
        verbs.iter().all(|verb| self.verbs.contains(verb))
    }
}

/// What the API serves now: the preferred version of each resource, asked for anew each time
/// because resources come and go.
#[derive(Clone)]
pub struct Resources {
    list: Arc<dyn Fn() -> Vec<ServedResource> + Send + Sync>,
    discover: Option<Discover>,
}

/// Asks a server somewhere else what it serves, and keeps the answer.
type Discover = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Status>> + Send + Sync>;

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").finish_non_exhaustive()
    }
}

impl Resources {
    /// What `list` tells.
    pub fn new(list: impl Fn() -> Vec<ServedResource> + Send + Sync + 'static) -> Self {
        Self { list: Arc::new(list), discover: None }
    }

    /// What a server somewhere else serves: `first` until `discover` was asked again.
    pub fn discovered<Fut>(
        first: Vec<ServedResource>,
        discover: impl Fn() -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = Result<Vec<ServedResource>, Status>> + Send + 'static,
    {
        let known = Arc::new(Mutex::new(first));
        let kept = Arc::clone(&known);
        let discover: Discover = Arc::new(move || {
            let (found, kept) = (discover(), Arc::clone(&kept));
            Box::pin(async move {
                *kept.lock() = found.await?;
                Ok(())
            })
        });
        Self { list: Arc::new(move || known.lock().clone()), discover: Some(discover) }
    }

    /// Asks the server anew, where it is somewhere else.
    pub(crate) async fn refresh(&self) {
        if let Some(discover) = &self.discover
            && let Err(status) = discover().await
        {
            tracing::warn!(%status, "the server does not tell what it serves");
        }
    }

    /// A list that does not change.
    pub fn fixed(list: Vec<ServedResource>) -> Self {
        Self::new(move || list.clone())
    }

    /// One version of each resource that the API serves: the first one listed.
    pub fn list(&self) -> Vec<ServedResource> {
        let mut seen = BTreeSet::new();
        let mut list = (self.list)();
        list.retain(|resource| seen.insert(resource.gvr.group_resource()));
        list
    }

    /// The resources that can be listed, watched and deleted, without events: those that garbage
    /// collection and namespaces are about.
    pub fn deletable(&self) -> Vec<ServedResource> {
        let mut list = self.list();
        list.retain(|r| r.serves(&[Verb::List, Verb::Watch, Verb::Delete]));
        list
    }

    /// The resource of a kind; any version of its group will do.
    pub fn of_kind(&self, group: &str, kind: &str) -> Option<ServedResource> {
        self.list().into_iter().find(|r| r.gvr.group == group && r.kind == kind)
    }

    /// All versions of all resources that the API serves.
    pub(crate) fn versions(&self) -> BTreeSet<GroupVersionResource> {
        (self.list)().into_iter().map(|resource| resource.gvr).collect()
    }

    /// Whether a resource is served in this very version.
    pub fn serves(&self, gvr: &GroupVersionResource) -> bool {
        (self.list)().iter().any(|resource| resource.gvr == *gvr)
    }
}

/// Whether a resource holds events, which own nothing and are owned by nothing.
pub(crate) fn is_events(resource: &GroupResource) -> bool {
    resource.resource == "events" && matches!(&*resource.group, "" | "events.k8s.io")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_discovered_stands_until_it_is_asked_for_again() {
        let served = |plural: &'static str| ServedResource {
            gvr: GroupVersionResource::new("x.io", "v1", plural),
            kind: "X".into(),
            namespaced: true,
            verbs: Vec::new(),
        };
        let resources =
            Resources::discovered(vec![served("a")], move || async move { Ok(vec![served("b")]) });
        assert_eq!(resources.list(), [served("a")]);
        futures::executor::block_on(resources.refresh());
        assert_eq!(resources.list(), [served("b")]);
    }

    #[test]
    fn of_several_versions_the_first_counts() {
        let served = |version: &'static str, verbs: &[Verb]| ServedResource {
            gvr: GroupVersionResource::new("autoscaling", version, "horizontalpodautoscalers"),
            kind: "HorizontalPodAutoscaler".into(),
            namespaced: true,
            verbs: verbs.to_vec(),
        };
        let all = [Verb::List, Verb::Watch, Verb::Delete];
        let resources = Resources::fixed(vec![served("v2", &all), served("v1", &all)]);
        assert_eq!(resources.list(), [served("v2", &all)]);
        assert!(resources.serves(&served("v1", &all).gvr));
        let kind = resources.of_kind("autoscaling", "HorizontalPodAutoscaler");
        assert_eq!(kind.unwrap().gvr.version, "v2");
        assert!(Resources::fixed(vec![served("v1", &[Verb::List])]).deletable().is_empty());
    }
}
