//! Makes objects, many at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::api::core::v1::{
    Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Service, ServiceAccount,
};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::api::storage::v1::CSINode;
use orchestrator::client::{Client, Kind, KindExt, Patch, Selection, gvr};
use orchestrator::core::request::Options;
use orchestrator::core::service::ResponseBody;
use orchestrator::core::{BoxError, Json, Object, ObjectKey, Status, Verb};
use serde_json::json;

use super::shape::{HIGH, NAMED, NodeShape, PodShape, TEAM, csi_node, volume};
use super::tally::Made;

/// The label of what belongs to a workload and to no namespace.
const OURS: &str = "scheduler-perf";

/// Makes and deletes the objects of a workload.
#[derive(Clone)]
pub struct Maker {
    client: Client,
    scheduler: String,
    /// How many requests are under way at the same time.
    width: usize,
}

/// A set of pods.
#[derive(Clone, Debug)]
pub struct PodSet {
    pub shape: PodShape,
    pub namespace: String,
    /// What names begin with.
    pub prefix: String,
    pub count: usize,
}

impl PodSet {
    fn name(&self, index: usize) -> String {
        format!("{}-{index}", self.prefix)
    }
}

impl Maker {
    pub fn new(client: &Client, scheduler: &str, width: usize) -> Self {
        Self { client: client.clone(), scheduler: scheduler.to_owned(), width }
    }

    /// What a cluster needs beside nodes and pods.
    pub async fn prepare(&self) -> Result<(), BoxError> {
        let (name, value) = HIGH;
        let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": name}, "value": value});
        Ok(allow_existing(self.create::<PriorityClass>(class).await)?)
    }

    /// A namespace, and in it the account that pods have.
    pub async fn namespace(&self, name: &str) -> Result<(), BoxError> {
        let labels = json!({TEAM.0: TEAM.1});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels}});
        allow_existing(self.create::<Namespace>(namespace).await)?;
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": name}});
        Ok(allow_existing(self.create::<ServiceAccount>(account).await)?)
    }

    /// So many nodes.
    pub async fn nodes(&self, shape: NodeShape, count: usize) -> Result<(), BoxError> {
        let name = move |index: usize| match shape {
            NodeShape::Named => NAMED.to_owned(),
            _ => format!("perf-node-{index:06}"),
        };
        self.each(count, move |maker, index| async move {
            let name = name(index);
            let made = maker.node(shape, &name, index).await;
            made.map_err(|why| format!("node {name}: {why}"))?;
            if shape == NodeShape::Csi {
                maker.create::<CSINode>(ours(csi_node(&name))).await?;
            }
            Ok(())
        })
        .await
    }

    /// The volumes of pods that have their own.
    pub async fn volumes(&self, set: &PodSet) -> Result<(), BoxError> {
        if !set.shape.has_volume() {
            return Ok(());
        }
        let of = set.clone();
        self.each(set.count, move |maker, index| {
            let [volume, claim] = volume(&of.namespace, &of.name(index));
            async move {
                maker.create::<PersistentVolume>(ours(volume)).await?;
                maker.create::<PersistentVolumeClaim>(claim).await?;
                Ok(())
            }
        })
        .await
    }

    /// The pods of a set; `made` takes when each request was sent.
    pub async fn pods(&self, set: &PodSet, made: Made) -> Result<(), BoxError> {
        let (of, env) = (set.clone(), self.client.env().clone());
        let begun = env.instant();
        self.each(set.count, move |maker, index| {
            let pod = of.shape.pod(&of.namespace, &of.name(index), &maker.scheduler);
            let since = (env.instant() - begun).as_micros() as u64;
            if let Some(slot) = made.get(index) {
                slot.store(since, Ordering::Relaxed);
            }
            async move { Ok(maker.create::<Pod>(pod).await?) }
        })
        .await
    }

    /// One more service.
    pub async fn service(&self, namespace: &str, name: &str) -> Result<(), Status> {
        let spec = json!({"selector": {"app": "foo"},
            "ports": [{"protocol": "TCP", "port": 8080, "targetPort": 8080}]});
        self.create::<Service>(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec}))
            .await
    }

    /// One more pod.
    pub async fn pod(&self, shape: PodShape, namespace: &str, name: &str) -> Result<(), Status> {
        self.create::<Pod>(shape.pod(namespace, name, &self.scheduler)).await
    }

    /// One node, open for pods: a server may taint new nodes until a controller finds them ready,
    /// and there may be no such controller.
    pub async fn node(&self, shape: NodeShape, name: &str, index: usize) -> Result<(), Status> {
        let made = self.make::<Node>(ours(shape.node(name, index))).await?;
        let ResponseBody::Object { item, .. } = made else { return Ok(()) };
        let tree = item.tree().map_err(Status::internal)?;
        if tree.at(&["spec", "taints"]).is_none() {
            return Ok(());
        }
        let open = Patch::Merge(json!({"spec": {"taints": null}}));
        let key = ObjectKey::cluster(name.to_owned());
        self.client.api::<Node>().patch(&key, open).await.map(drop)
    }

    /// Deletes an object at once.
    pub async fn delete<K: Kind>(&self, namespace: &str, name: &str) -> Result<(), Status> {
        let key = ObjectKey::new(namespace, name);
        let request = self.client.request(Verb::Delete, gvr::<K>()).object(&key);
        let request = request.options(at_once(String::new()));
        self.client.call(request).await.map(drop)
    }

    /// Deletes what was made, but for the namespaces: without a controller they would stay half
    /// deleted, and nothing could be made in them any more.
    pub async fn clear(&self, namespaces: &[String]) -> Result<(), Status> {
        for namespace in namespaces {
            self.delete_all::<Pod>(Selection::namespace(namespace)).await?;
            self.delete_all::<PersistentVolumeClaim>(Selection::namespace(namespace)).await?;
        }
        let ours = || Selection { labels: format!("{OURS}=true"), ..Selection::default() };
        self.delete_all::<PersistentVolume>(ours()).await?;
        self.delete_all::<CSINode>(ours()).await?;
        self.delete_all::<Node>(ours()).await
    }

    /// Deletes a collection at once, and what protects its objects: that is for controllers to
    /// take away, which may not be there.
    async fn delete_all<K: Kind>(&self, which: Selection) -> Result<(), Status> {
        let request = self.client.request(Verb::DeleteCollection, gvr::<K>());
        let request = request.namespace(&which.namespace).options(at_once(which.labels.clone()));
        self.client.call(request).await?;
        let api = self.client.api::<K>();
        let free = || Patch::Merge(json!({"metadata": {"finalizers": null}}));
        for left in api.list(&which).await?.items {
            match api.patch(&left.key(), free()).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        Ok(())
    }

    async fn create<K: Kind>(&self, object: Json) -> Result<(), Status> {
        self.make::<K>(object).await.map(drop)
    }

    async fn make<K: Kind>(&self, object: Json) -> Result<ResponseBody, Status> {
        let Json::Object(map) = object else { return Err(Status::bad_request("no object")) };
        let object = Object::from(map);
        let request = self.client.request(Verb::Create, gvr::<K>());
        let request = request.namespace(object.namespace().to_owned()).body(object);
        Ok(self.client.call(request).await?.body)
    }

    /// Runs `make` for each number below `count`, some at the same time.
    async fn each<F, Made>(&self, count: usize, make: F) -> Result<(), BoxError>
    where
        F: Fn(Self, usize) -> Made + Clone + Send + Sync + 'static,
        Made: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let next = Arc::new(AtomicU64::new(0));
        let worker = || {
            let (maker, make, next) = (self.clone(), make.clone(), Arc::clone(&next));
            async move {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed) as usize;
                    if index >= count {
                        return Ok::<_, BoxError>(());
                    }
                    make(maker.clone(), index).await?;
                    // A server in this process answers at once; whoever schedules wants a turn too.
                    tokio::task::yield_now().await;
                }
            }
        };
        let env = self.client.env();
        let workers: Vec<_> =
            (0..self.width.min(count)).map(|_| env.spawn("creator", worker())).collect();
        for worker in workers {
            worker.await.ok_or("a creator panicked")??;
        }
        Ok(())
    }
}

fn at_once(labels: String) -> Options {
    Options { grace_period_seconds: Some(0), label_selector: labels, ..Options::default() }
}

/// What is there already is as good as made.
fn allow_existing(made: Result<(), Status>) -> Result<(), Status> {
    match made {
        Err(status) if !status.is_already_exists() => Err(status),
        _ => Ok(()),
    }
}

/// Marks an object that belongs to no namespace.
fn ours(mut object: Json) -> Json {
    object["metadata"]["labels"][OURS] = json!("true");
    object
}
