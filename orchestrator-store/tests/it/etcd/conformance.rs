//! The adapter against the suite: over etcd, with and without a prefix, and over our own face.

use std::net::TcpListener;
use std::sync::Arc;

use orchestrator_core::{Env, Store};
use orchestrator_store::MemoryStore;
use orchestrator_store::etcd::EtcdStore;
use orchestrator_store::face::{EtcdServer, Options};
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

/// A memory store, its face on a socket, and the adapter to that.
fn over_the_face() -> Arc<dyn Store> {
    let env = Env::system();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket of ours");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
    let engine = Arc::new(MemoryStore::new(env.clone()));
    let server = EtcdServer::new(env.clone(), engine, Options::new());
    let serving = env.spawn("face", async move {
        server.serve(listener, std::future::pending()).await.expect("it serves");
    });
    let store = EtcdStore::builder([address.to_string()]).build(env);
    Owned::boxed(store.expect("good options"), serving)
}

#[tokio::test]
async fn the_adapter_to_our_own_face_conforms() {
    store::conforms(over_the_face).await;
}
