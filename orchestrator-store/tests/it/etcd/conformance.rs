//! The adapter against the suite, with and without a prefix.

use orchestrator_core::Env;
use orchestrator_store::etcd::EtcdStore;
use orchestrator_testkit::store;

use super::process::{Etcd, Owned, is_there};

#[tokio::test]
async fn the_adapter_conforms() {
    if !is_there() {
        return;
    }
    store::conforms(|| {
        let etcd = Etcd::start(&[]);
        Owned::boxed(etcd.store(), etcd)
    })
    .await;
}

#[tokio::test]
async fn the_adapter_conforms_behind_a_prefix() {
    if !is_there() {
        return;
    }
    store::conforms(|| {
        let etcd = Etcd::start(&[]);
        let store = EtcdStore::builder([etcd.url()]).prefix("/shop/").build(Env::system());
        Owned::boxed(store.expect("good options"), etcd)
    })
    .await;
}
