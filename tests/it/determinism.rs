//! One seed, one history.

use std::time::Duration;

use futures::StreamExt;
use orchestrator::Cluster;
use orchestrator::core::Revision;
use orchestrator::core::store::{KeyRange, WatchRequest, WatchUpdate};

use crate::plane::{STARTED, deployment, simulated};

/// Every change that the store has seen, as text.
async fn history(cluster: &Cluster) -> String {
    let newest = cluster.store().status().await.unwrap().revision;
    let request = WatchRequest::new(KeyRange::prefix("/"), Revision::new(2));
    let mut watch = cluster.store().watch(request).await.unwrap();
    let mut text = String::new();
    while let Some(Ok(WatchUpdate::Events { revision, events })) = watch.next().await {
        for event in events.iter() {
            let value = String::from_utf8_lossy(event.kv.value.bytes()).into_owned();
            text.push_str(&format!("{revision} {:?} {} {value}\n", event.kv.key, event.deleted));
        }
        if revision >= newest {
            break;
        }
    }
    text
}

async fn run(seed: u64) -> String {
    let cluster = simulated(seed, 5).await;
    for name in ["a", "b", "c"] {
        cluster.client().api().create(&deployment(name, 4)).await.unwrap();
    }
    cluster.advance(STARTED).await;
    cluster.advance(Duration::from_secs(3600)).await;
    history(&cluster).await
}

#[test]
fn two_runs_of_one_seed_are_the_same_byte_for_byte_and_seeds_differ() {
    let in_a_runtime = |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(seed))
    };
    let (first, second) = (in_a_runtime(7), in_a_runtime(7));
    assert!(first.lines().count() > 100, "something happened");
    if let Some((ours, theirs)) = first.lines().zip(second.lines()).find(|(a, b)| a != b) {
        panic!("the runs part here:\n{ours}\n{theirs}");
    }
    assert_eq!(first.len(), second.len());
    assert_ne!(first, in_a_runtime(8));
}
