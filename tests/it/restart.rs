//! A plane is started again on the data of one before it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod, Service, ServiceAccount};
use orchestrator::client::{Kind, KindExt, Selection};
use orchestrator::core::store::{Key, KeyRange, Put};
use orchestrator::core::{Env, Revision, Store, StoreExt, Value};
use orchestrator::store::{MemoryStore, Operator};
use orchestrator::{Cluster, StartError};
use serde_json::json;

use crate::plane::{STARTED, deployment, running};

/// A plane on `store`, after whatever it does at first.
async fn start(env: &Env, store: &Arc<MemoryStore>, nodes: usize) -> Cluster {
    let builder = Cluster::builder().env(env.clone()).simulated_nodes(nodes);
    let cluster = builder.store(Arc::clone(store) as _).start().await.expect("the plane starts");
    cluster.advance(STARTED).await;
    cluster
}

/// Name and uid of all objects of a kind.
async fn uids<K: Kind>(cluster: &Cluster) -> BTreeMap<String, String> {
    let all = cluster.client().api::<K>().list(&Selection::default()).await.unwrap().items;
    all.iter().map(|o| (o.key().to_string(), o.uid().to_owned())).collect()
}

/// Every key and the revision of its last write.
async fn written(store: &dyn Store) -> BTreeMap<Key, Revision> {
    let all = KeyRange { start: Key::from(&[0][..]), end: Some(Key::from(&[0][..])) };
    let listed = store.list(all, Revision::ZERO, 0).await.unwrap();
    listed.kvs.into_iter().map(|kv| (kv.key, kv.mod_revision)).collect()
}

fn service(name: &str) -> Service {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": "NodePort", "selector": {"app": name}, "ports": [{"port": 80}]},
    }))
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_plane_goes_on_where_the_one_before_it_ended() {
    let env = Env::simulated(5);
    let store = Arc::new(MemoryStore::new(env.clone()));
    let first = start(&env, &store, 3).await;
    first.client().api().create(&deployment("web", 4)).await.unwrap();
    first.client().api().create(&service("web")).await.unwrap();
    first.advance(STARTED).await;
    assert_eq!(running(&first).await.len(), 4);
    let before = (
        uids::<Pod>(&first).await,
        uids::<Deployment>(&first).await,
        uids::<ReplicaSet>(&first).await,
        uids::<Namespace>(&first).await,
        uids::<Node>(&first).await,
        uids::<Service>(&first).await,
        uids::<ServiceAccount>(&first).await,
    );
    let revision = store.status().await.unwrap().revision;
    drop(first);

    let second = start(&env, &store, 3).await;
    let after = (
        uids::<Pod>(&second).await,
        uids::<Deployment>(&second).await,
        uids::<ReplicaSet>(&second).await,
        uids::<Namespace>(&second).await,
        uids::<Node>(&second).await,
        uids::<Service>(&second).await,
        uids::<ServiceAccount>(&second).await,
    );
    assert_eq!(before, after);
    assert_eq!(running(&second).await.len(), 4);
    assert!(store.status().await.unwrap().revision >= revision);

    // What was given out before is not given out again.
    let taken = second.client().api::<Service>().list(&Selection::default()).await.unwrap().items;
    let made = second.client().api().create(&service("more")).await.unwrap();
    let address = |service: &Service| service.spec.clone().unwrap().cluster_ip;
    assert!(taken.iter().all(|service| address(service) != address(&made)));
    // And it works on.
    second.client().api().create(&deployment("more", 2)).await.unwrap();
    second.advance(STARTED).await;
    assert_eq!(running(&second).await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_restart_writes_nothing_but_what_nodes_report() {
    let env = Env::simulated(6);
    let store = Arc::new(MemoryStore::new(env.clone()));
    let first = start(&env, &store, 2).await;
    first.client().api().create(&deployment("web", 3)).await.unwrap();
    first.advance(STARTED).await;
    drop(first);
    let before = written(&*store).await;
    drop(start(&env, &store, 2).await);
    let after = written(&*store).await;
    assert!(before.keys().all(|key| after.contains_key(key)), "nothing is gone");
    // Simulated nodes have forgotten what ran on them, and start it again.
    let reports = ["nodes", "pods", "events", "coordination.k8s.io"];
    let reported = |key: &&Key| {
        let key = String::from_utf8_lossy(key.as_bytes()).into_owned();
        reports.iter().any(|kind| key.starts_with(&format!("/registry/{kind}/")))
    };
    let mut changed = after.iter().filter(|(key, at)| before.get(*key) != Some(at)).map(|(k, _)| k);
    assert_eq!(changed.find(|key| !reported(key)), None);
}

#[tokio::test(start_paused = true)]
async fn a_plane_compacts_its_store_as_often_as_it_is_told() {
    const INTERVAL: Duration = Duration::from_secs(300);
    let env = Env::simulated(7);
    let store = Arc::new(MemoryStore::new(env.clone()));
    let builder = Cluster::builder().env(env).simulated_nodes(1).store(Arc::clone(&store) as _);
    let cluster = builder.compact_every(INTERVAL).start().await.unwrap();
    cluster.advance(INTERVAL * 2).await;
    let first = store.status().await.unwrap().compacted;
    cluster.advance(INTERVAL * 2).await;
    let second = store.status().await.unwrap().compacted;
    assert!(!first.is_zero() && second > first, "{first}, then {second}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_a_copy_was_broken_off_in_is_refused() {
    let env = Env::simulated(8);
    let store = Arc::new(MemoryStore::new(env.clone()));
    let mark = Put::new(orchestrator::store::copy::MARK, Value::from_bytes("a copy"));
    store.put_at(mark, Revision::ZERO).await.unwrap();
    let open = async move |_| Ok(store as Arc<dyn Operator>);
    match Cluster::builder().env(env).open_store(open).start().await {
        Err(StartError::Store(why)) => assert!(why.to_string().contains("a copy was never")),
        other => panic!("{other:?}"),
    }
}

/// The engine that keeps its data in files is opened again on them by the next plane.
#[tokio::test(flavor = "current_thread")]
async fn a_plane_on_files_comes_back_from_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut known = None;
    for _ in 0..3 {
        let builder = Cluster::builder().simulated_nodes(1).durable(folder.path().join("store"));
        let cluster = builder.start().await.expect("the files are free again");
        if known.is_none() {
            cluster.client().api().create(&deployment("web", 1)).await.unwrap();
        }
        let now = (uids::<Deployment>(&cluster).await, uids::<Namespace>(&cluster).await);
        assert_eq!(*known.get_or_insert_with(|| now.clone()), now);
        cluster.shutdown().await;
    }
}
