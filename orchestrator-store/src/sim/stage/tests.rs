use std::sync::Arc;

use super::*;
use crate::sim::engines::Memory;
use crate::sim::plan::Profile;

fn calm(seed: u64) -> Plan {
    let plan = Profile::single().plan(seed);
    Plan { faults: Vec::new(), ..plan }
}

#[test]
fn an_engine_without_faults_breaks_no_rule() {
    let engine: Arc<dyn Engine> = Arc::new(Memory);
    for seed in 0..5 {
        let outcome = play(&calm(seed), &engine, false);
        assert_eq!(outcome.violations, [], "seed {seed}");
        let (calls, answered) = outcome.calls;
        assert!(calls > 100 && answered == calls, "{answered} of {calls} calls");
        assert!(outcome.revision.get() > 50);
    }
}

#[test]
fn a_seed_played_twice_gives_the_same_trace() {
    let engine: Arc<dyn Engine> = Arc::new(Memory);
    let (one, other) = (play(&calm(3), &engine, true), play(&calm(3), &engine, true));
    assert_eq!(one.trace, other.trace);
    assert_eq!(one.digest, other.digest);
    assert_ne!(one.digest, play(&calm(4), &engine, false).digest);
}

#[test]
fn an_engine_that_forgets_is_found_out() {
    let engine: Arc<dyn Engine> = Arc::new(Memory);
    let found = |seed: &u64| {
        let mut plan = calm(*seed);
        let down = Duration::from_millis(5);
        plan.faults
            .push((plan.lasting / 2, crate::sim::plan::Fault::Kill { places: vec![0], down }));
        !play(&plan, &engine, false).violations.is_empty()
    };
    assert_eq!((0..5).filter(found).count(), 5);
}
