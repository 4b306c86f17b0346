//! A store whose data are in an etcd: another process's, or our own face over a store in memory.
//!
//! `cargo run -p orchestrator-store --features etcd --example etcd_store -- http://127.0.0.1:2379`
//! speaks to that etcd; without an address the example serves one itself, on a free port.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::env::Task;
use orchestrator_core::store::{
    KeyRange, LeaseOp, Op, Put, Revision, Store, StoreError, Txn, WatchRequest, WatchUpdate,
};
use orchestrator_core::{Env, StoreExt, Value};
use orchestrator_store::MemoryStore;
use orchestrator_store::etcd::EtcdStore;
use orchestrator_store::face::{EtcdServer, Options};
use tokio::net::TcpListener;

/// Serves etcd's API over a store in memory; the server ends with the task.
async fn serve(env: &Env) -> Result<(String, Task<()>), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let engine = Arc::new(MemoryStore::new(env.clone()));
    let server = EtcdServer::new(env.clone(), engine, Options::new());
    let task = env.spawn("face", async move {
        if let Err(error) = server.serve(listener, std::future::pending()).await {
            eprintln!("the server ended: {error}");
        }
    });
    Ok((format!("http://{address}"), task))
}

/// Writes `text` at `web`, for as long as the lease lives. An outcome that is not known is found
/// out by reading, never by writing again.
async fn write(store: &EtcdStore, text: &str, lease: i64) -> Result<(), StoreError> {
    let value = Some(Value::from_bytes(text.as_bytes().to_vec()));
    let put = Op::Put(Put { key: "web".into(), value, lease: Some(lease) });
    match store.txn(Txn { then: vec![put], ..Txn::default() }).await {
        Ok(done) => println!("wrote {text:?} in revision {}", done.revision),
        Err(StoreError::Unknown(_)) => {
            let (revision, found) = store.get("web").await?;
            let there = found.is_some_and(|kv| kv.value.bytes() == text.as_bytes());
            println!("{text:?} is {} there in revision {revision}", if there { "" } else { "not" });
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let env = Env::system();
    let (url, _serving) = match std::env::args().nth(1) {
        Some(url) => (url, None),
        None => {
            let (url, task) = serve(&env).await?;
            (url, Some(task))
        }
    };
    // Whatever else is in that etcd is neither seen nor touched.
    let store = EtcdStore::builder([url]).prefix("/example/").build(env)?;
    let all = KeyRange::prefix("");
    let mut changes = store.watch(WatchRequest::new(all.clone(), Revision::ZERO)).await?;
    let ttl = Duration::from_secs(60);
    let lease = store.lease(LeaseOp::Grant { id: 0, ttl }).await?[0].id;
    write(&store, "one", lease).await?;
    write(&store, "two", lease).await?;
    // The key ends with its lease.
    store.lease(LeaseOp::Revoke(lease)).await?;
    for _ in 0..3 {
        if let Some(WatchUpdate::Events { revision, events }) = changes.next().await.transpose()? {
            for event in events.iter() {
                println!("saw {revision}: {:?} {}", event.kv, event.deleted);
            }
        }
    }
    println!("{} keys are left", store.count(all).await?);
    Ok(())
}
