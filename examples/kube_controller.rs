//! A kube-rs `Controller`, as it is, inside the process and without a socket.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use orchestrator::Cluster;
use serde_json::json;

async fn reconcile(map: Arc<ConfigMap>, client: Arc<kube::Client>) -> Result<Action, kube::Error> {
    let namespace = map.metadata.namespace.clone().unwrap_or_default();
    let maps: Api<ConfigMap> = Api::namespaced(kube::Client::clone(&client), &namespace);
    let name = map.metadata.name.clone().unwrap_or_default();
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"seen": "yes"}}}));
    maps.patch(&name, &PatchParams::default(), &patch).await?;
    Ok(Action::requeue(Duration::from_secs(3600)))
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().simulated(1).start().await?;
    let client = cluster.kube_client();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let controller = Controller::new(Api::all(client.clone()), watcher::Config::default());
    let on_error = |_: Arc<ConfigMap>, _: &kube::Error, _: Arc<kube::Client>| {
        Action::requeue(Duration::from_secs(1))
    };
    let running = controller.run(reconcile, on_error, Arc::new(client));
    let task = cluster.env().spawn("controller", running.for_each(|_| async {}));

    for n in 0..20 {
        let metadata = ObjectMeta { name: Some(format!("map-{n}")), ..ObjectMeta::default() };
        maps.create(&PostParams::default(), &ConfigMap { metadata, ..ConfigMap::default() })
            .await?;
    }
    cluster.advance(Duration::from_secs(6 * 3600)).await;
    for map in maps.list(&Default::default()).await? {
        let annotations = map.metadata.annotations.unwrap_or_default();
        assert_eq!(annotations.get("seen").map(String::as_str), Some("yes"));
    }
    drop(task);
    println!("a kube-rs controller saw every object, and six virtual hours went by");
    Ok(())
}
