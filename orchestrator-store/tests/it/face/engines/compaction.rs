//! Every engine is compacted as Kubernetes does it, by several servers at once.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::store::{KeyRange, Op, Put, Revision, StoreError, Txn};
use orchestrator_core::{Env, Store, StoreExt, Value};
use orchestrator_store::etcd::EtcdStore;
use orchestrator_store::{DurableStore, compactor};

use super::members::Members;
use crate::face::real::RealEtcd;

/// Five minutes, for a test.
const INTERVAL: Duration = Duration::from_millis(100);

async fn write(store: &dyn Store) -> Revision {
    let put = Put { lease: Some(0), ..Put::new("a", Value::from_bytes("x")) };
    store.txn(Txn { then: vec![Op::Put(put)], ..Txn::default() }).await.unwrap().revision
}

/// Two servers that share `store` forget what is older than an interval, and nothing newer.
async fn is_compacted(env: &Env, store: Arc<dyn Store>) {
    let old = write(&*store).await;
    write(&*store).await;
    let servers = [(); 2].map(|()| compactor::run(Arc::clone(&store), env.clone(), INTERVAL));
    while store.status().await.unwrap().compacted <= old {
        write(&*store).await;
        env.sleep(INTERVAL).await;
    }
    drop(servers);
    let newest = write(&*store).await;
    let gone = store.list(KeyRange::key("a"), old, 0).await.unwrap_err();
    assert!(matches!(gone, StoreError::Compacted { wanted, .. } if wanted == old), "{gone}");
    assert_eq!(store.list(KeyRange::key("a"), newest, 0).await.unwrap().kvs.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_engine_forgets_in_time() {
    let env = Env::system();
    let folder = tempfile::tempdir().unwrap();
    let durable = DurableStore::builder().open_path(&folder, env.clone()).await.unwrap();
    is_compacted(&env, Arc::new(durable)).await;
    let members = Members::start(&env).await;
    is_compacted(&env, Arc::clone(&members.members[1].store) as _).await;
    let Some(real) = RealEtcd::start(&env).await else { return };
    let store = EtcdStore::builder([format!("http://{}", real.address)]).build(env.clone());
    is_compacted(&env, Arc::new(store.unwrap())).await;
}
