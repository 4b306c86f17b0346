//! The memory engine against the suite.

use std::sync::Arc;

use orchestrator_core::{Env, Store};
use orchestrator_store::MemoryStore;
use orchestrator_testkit::store;

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(Env::simulated(7)))
}

#[tokio::test(start_paused = true)]
async fn the_memory_store_conforms() {
    store::conforms(memory).await;
    store::keeps_the_compacted_revision(memory()).await;
}

#[test]
fn the_memory_store_agrees_with_the_model() {
    store::agrees_with_the_model(memory);
}
