//! A member that is its own majority, against the model of the testkit.
//!
//! One only: several take so long for an answer, on the clock of the run, that leases would end
//! between two requests where the model ends them with the wait that follows.

use std::sync::Arc;

use orchestrator_core::{Env, Store};
use orchestrator_store::raft::{InitialMember, RaftStore};
use orchestrator_store::sim::{Network, SimDisk};
use orchestrator_testkit::store;

/// How many random runs.
const RUNS: u32 = 32;

async fn member() -> Arc<dyn Store> {
    let env = Env::simulated(1);
    let network = Network::new(env.clone(), 1);
    let builder = RaftStore::builder()
        .name("m0")
        .segment_bytes(16 << 10)
        .images(40, 10)
        .initial([InitialMember::new(1, "m0", Network::address(0))]);
    let port = Arc::new(network.port(0, env.clone()));
    let member = builder.start(Arc::new(SimDisk::new(1)), port, env).await.expect("a member");
    // Once it has answered, it leads.
    member.status().await.expect("an answer");
    Arc::new(member)
}

#[test]
fn a_member_agrees_with_the_model() {
    store::agrees_with_the_model_opened(RUNS, member);
}
