//! Keeps a node's policies up to date.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use orchestrator_client::{Informer, Informers, Kind};
use orchestrator_core::Env;
use orchestrator_core::env::{Activity, Busy, Task};
use orchestrator_netlink::nft::{Batch, Change, Family, NftError, Nftables, Ruleset, TableId};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tracing::{debug, warn};

use super::compile::{Cluster, TABLE, rules};

/// When rules that could not be programmed are tried again.
const RETRY: Duration = Duration::from_secs(10);

/// Enforces the policies of a cluster on one node.
#[derive(Debug)]
#[must_use]
pub struct PolicyLoop {
    informers: Informers,
    rules: Arc<dyn Nftables>,
    node: String,
}

/// Policies that are kept up to date; dropping it ends that, but the rules stay.
#[derive(Debug)]
pub struct Running {
    _task: Task<()>,
    ready: watch::Receiver<bool>,
}

impl Running {
    /// Waits until the first policies are enforced.
    pub async fn ready(&self) {
        // An error means that the loop has ended; nobody should wait for it then.
        let _ = self.ready.clone().wait_for(|ready| *ready).await;
    }
}

impl PolicyLoop {
    /// Enforces on the pods of `node` what the policies that `informers` see say of them.
    pub fn new(informers: Informers, rules: Arc<dyn Nftables>, node: impl Into<String>) -> Self {
        Self { informers, rules, node: node.into() }
    }

    /// Starts.
    #[must_use = "policies are no longer followed when this is dropped"]
    pub fn start(self) -> Running {
        let env = self.informers.client().env().clone();
        let (sender, ready) = watch::channel(false);
        Running { _task: env.spawn("network policies", self.run(env.clone(), sender)), ready }
    }

    /// Removes all rules of policies.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub async fn remove(rules: &dyn Nftables) -> Result<(), NftError> {
        let mut batch = Batch::new();
        for family in Family::ALL {
            batch.extend(&table(family), [Change::Remove]);
        }
        rules.commit(batch).await
    }

    async fn run(self, env: Env, ready: watch::Sender<bool>) {
        let policies = self.informers.of::<NetworkPolicy>();
        let pods = self.informers.of::<Pod>();
        let namespaces = self.informers.of::<Namespace>();
        let news = Arc::new(News::default());
        news.follow(&policies, env.activity());
        news.follow(&pods, env.activity());
        news.follow(&namespaces, env.activity());
        policies.synced().await;
        pods.synced().await;
        namespaces.synced().await;
        let mut enforced = None;
        loop {
            let busy = news.busy.lock().take();
            let (policies, pods) = (policies.list(), pods.list());
            let namespaces = namespaces.list();
            let cluster = Cluster { policies: &policies, pods: &pods, namespaces: &namespaces };
            let wanted = Family::ALL.map(|family| rules(&cluster, &self.node, family));
            enforced = self.enforce(enforced, wanted).await;
            drop(busy);
            if enforced.is_some() {
                ready.send_replace(true);
            }
            tokio::select! {
                biased;
                () = news.came.notified() => {}
                () = env.sleep(RETRY), if enforced.is_none() => {}
            }
        }
    }

    /// Leads from the rules that are there to those that are wanted; returns what is there then,
    /// and nothing where that is not known.
    async fn enforce(
        &self,
        before: Option<[Ruleset; 2]>,
        wanted: [Ruleset; 2],
    ) -> Option<[Ruleset; 2]> {
        if before.as_ref() == Some(&wanted) {
            return before;
        }
        let mut batch = Batch::new();
        for (number, family) in Family::ALL.into_iter().enumerate() {
            match &before {
                Some(before) => {
                    batch.extend(&table(family), before[number].changes_to(&wanted[number]));
                }
                None => batch.replace(&table(family), &wanted[number]),
            }
        }
        match self.rules.commit(batch).await {
            Ok(()) => {
                debug!("network policies enforced");
                Some(wanted)
            }
            Err(error) => {
                warn!(%error, "network policies not enforced");
                None
            }
        }
    }
}

fn table(family: Family) -> TableId {
    TableId { family, name: TABLE.into() }
}

/// Whether anything has changed since the last look.
#[derive(Debug, Default)]
struct News {
    busy: Mutex<Option<Busy>>,
    came: Notify,
}

impl News {
    fn follow<K: Kind>(self: &Arc<Self>, informer: &Informer<K>, activity: &Activity) {
        let (news, activity) = (Arc::clone(self), activity.clone());
        informer.on_change(Arc::new(move |_| {
            news.busy.lock().get_or_insert_with(|| activity.begin());
            news.came.notify_one();
        }));
    }
}
