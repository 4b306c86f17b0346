//! Leader election between two candidates.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use orchestrator_client::{Client, gvr};
use orchestrator_controllers::leader::{Elector, Timing};
use orchestrator_controllers::{Manager, RunningManager, controller_fn};
use orchestrator_core::controller::{Outcome, WatchSpec};
use orchestrator_core::{Env, ObjectKey};

use crate::plane::deps;

fn elector(client: &Client, identity: &str) -> Elector {
    Elector::new(client, ObjectKey::new("kube-system", "test"), identity, Timing::default())
}

/// A manager that counts runs of one controller.
async fn candidate(
    env: &Env,
    deps: &orchestrator_controllers::ControllerDeps,
    identity: &str,
) -> (RunningManager, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let watches = vec![WatchSpec::own(gvr::<Namespace>())];
    let controller = controller_fn("any", watches, move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(Outcome::Done) }
    });
    let manager = Manager::new(deps.informers.clone(), env.clone())
        .add(controller)
        .leader_election(elector(deps.client(), identity))
        .start();
    env.sleep(Duration::from_secs(3)).await;
    (manager, runs)
}

async fn holder(client: &Client) -> (String, i32) {
    let key = ObjectKey::new("kube-system", "test");
    let lease = client.api::<Lease>().get(&key).await.unwrap();
    let spec = lease.spec.clone().unwrap();
    (spec.holder_identity.unwrap(), spec.lease_transitions.unwrap())
}

#[tokio::test(start_paused = true)]
async fn one_candidate_works_and_the_other_takes_over_when_it_ends() {
    let env = Env::simulated(3);
    let deps = deps(&env).await;
    let (first, first_runs) = candidate(&env, &deps, "first").await;
    let (second, second_runs) = candidate(&env, &deps, "second").await;
    env.sleep(Duration::from_secs(60)).await;
    assert!(first_runs.load(Ordering::SeqCst) > 0);
    assert_eq!(second_runs.load(Ordering::SeqCst), 0);
    assert_eq!(holder(deps.client()).await, ("first".into(), 0));

    // One that crashes holds the lease until it runs out.
    drop(first);
    env.sleep(Duration::from_secs(10)).await;
    assert_eq!(second_runs.load(Ordering::SeqCst), 0);
    env.sleep(Duration::from_secs(10)).await;
    assert!(second_runs.load(Ordering::SeqCst) > 0);
    assert_eq!(holder(deps.client()).await, ("second".into(), 1));

    // One that stops gives it back.
    second.stop().await;
    assert_eq!(holder(deps.client()).await.0, "");
    let (_third, third_runs) = candidate(&env, &deps, "third").await;
    assert!(third_runs.load(Ordering::SeqCst) > 0);
}
