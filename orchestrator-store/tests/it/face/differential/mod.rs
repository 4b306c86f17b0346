//! The same random operations on the face and on a real etcd must have equal answers.
//!
//! What differs by nature is made equal first: cluster, member and term in headers, the rest of a
//! lease's time. What etcd 3.4 does otherwise for other reasons is listed in
//! `orchestrator_store::face::differences`, and the generator does not ask for it. The engines take
//! turns.

mod generate;
mod refusals;
mod run;
mod streams;
mod watch;

use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_store::face::Options;
use orchestrator_store::{DurableStore, MemoryStore, Operator};
use tempfile::TempDir;
use tonic::Code;

use super::clients::Clients;
use super::real::RealEtcd;
use super::served::Served;
use generate::Generator;
use run::Answer;

/// How many operations one seed makes.
const OPERATIONS: usize = 400;

/// The seeds of every run: enough to meet each kind of operation in many states.
const SEEDS: std::ops::Range<u64> = 0..8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_operations_have_the_answers_of_a_real_etcd() {
    let env = Env::system();
    for seed in SEEDS {
        let Some(real) = RealEtcd::start(&env).await else { return };
        let folder = TempDir::new().unwrap();
        let engine: Arc<dyn Operator> = match seed % 2 {
            0 => Arc::new(MemoryStore::new(env.clone())),
            _ => Arc::new(DurableStore::builder().open_path(&folder, env.clone()).await.unwrap()),
        };
        let served = Served::start(&env, engine, Options::new()).await;
        let (mut ours, mut theirs) = (served.clients().await, Clients::connect(real.address).await);
        let mut generator = Generator::new(seed);
        for number in 0..OPERATIONS {
            let operation = generator.operation();
            let our = run::run(&mut ours, &operation).await;
            if operation.is_nested() && our == duplicate_key() {
                // etcd overlooks some of these, and then both stores would differ.
                continue;
            }
            let their = run::run(&mut theirs, &operation).await;
            assert_eq!(our, their, "seed {seed}, operation {number}: {operation:#?}");
            generator.learn(&our);
        }
        watch::compare(&mut ours, &mut theirs, &mut generator, seed).await;
    }
}

fn duplicate_key() -> Answer {
    let text = "etcdserver: duplicate key given in txn request";
    Err((Code::InvalidArgument, text.to_owned()))
}
