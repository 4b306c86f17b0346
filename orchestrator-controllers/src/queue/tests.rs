//! The queue under a clock that stands still, and its laws.

use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

fn queue(env: &Env) -> WorkQueue<u32> {
    WorkQueue::new(env, Limits::default())
}

fn depth(ready: usize, running: usize, waiting: usize) -> Depth {
    Depth { ready, running, waiting }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_queued_once_and_runs_again_when_added_while_it_runs() {
    let env = Env::simulated(1);
    let queue = queue(&env);
    for key in [1, 1, 2, 1] {
        queue.add(key, Priority::NORMAL).unwrap();
    }
    assert_eq!(queue.depth(), depth(2, 0, 0));
    assert_eq!(queue.next().await, Some(1));
    queue.add(1, Priority::NORMAL).unwrap();
    assert_eq!(queue.depth(), depth(1, 1, 0));
    assert_eq!(queue.next().await, Some(2));
    queue.done(&1);
    queue.done(&2);
    assert_eq!(queue.next().await, Some(1));
    queue.done(&1);
    assert_eq!((queue.depth(), env.activity().busy()), (Depth::default(), 0));
}

#[tokio::test(start_paused = true)]
async fn urgent_keys_go_first_and_a_second_add_may_only_raise_the_priority() {
    let env = Env::simulated(1);
    let queue = queue(&env);
    for (key, priority) in [(1, -5), (2, 0), (3, 7), (1, 9), (3, 0), (4, 7)] {
        queue.add(key, Priority(priority)).unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        order.extend(queue.next().await);
    }
    assert_eq!(order, [1, 3, 4, 2]);
}

#[tokio::test(start_paused = true)]
async fn waiting_keys_come_in_time_order_and_do_not_count_as_work() {
    let env = Env::simulated(1);
    let queue = queue(&env);
    let start = env.instant();
    for (key, delay_s) in [(1, 30), (2, 10), (1, 20), (2, 60)] {
        queue.add_after(key, Duration::from_secs(delay_s)).unwrap();
    }
    assert_eq!((queue.depth(), env.activity().busy()), (depth(0, 0, 2), 0));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let key = queue.next().await.unwrap();
        seen.push((key, (env.instant() - start).as_secs()));
        queue.done(&key);
    }
    assert_eq!(seen, [(2, 10), (1, 20)]);
}

#[tokio::test(start_paused = true)]
async fn a_run_voids_the_wait_before_it_but_not_the_one_it_asks_for() {
    let env = Env::simulated(1);
    let queue = queue(&env);
    queue.add_after(1, Duration::from_secs(10)).unwrap();
    queue.add(1, Priority::NORMAL).unwrap();
    assert_eq!(queue.next().await, Some(1));
    assert_eq!(queue.depth(), depth(0, 1, 0));
    queue.add_after(1, Duration::from_secs(99)).unwrap();
    queue.done(&1);
    assert_eq!(queue.depth(), depth(0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_until_they_are_forgotten() {
    let env = Env::simulated(1);
    let queue = queue(&env);
    queue.add(1, Priority::NORMAL).unwrap();
    let mut at_ms = Vec::new();
    let start = env.instant();
    for _ in 0..4 {
        let key = queue.next().await.unwrap();
        at_ms.push((env.instant() - start).as_millis());
        queue.retry(&key);
        queue.done(&key);
    }
    assert_eq!(at_ms, [0, 5, 15, 35]);
    assert_eq!(queue.failures(&1), 4);
    queue.next().await.unwrap();
    queue.forget(&1);
    queue.done(&1);
    assert_eq!((queue.failures(&1), queue.depth()), (0, Depth::default()));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_new_keys_and_a_shut_one_ends() {
    let env = Env::simulated(1);
    let queue = WorkQueue::new(&env, Limits { capacity: 1, ..Limits::default() });
    queue.add(1, Priority::NORMAL).unwrap();
    assert_eq!(queue.add(1, Priority::NORMAL), Ok(()));
    assert_eq!(queue.add(2, Priority::NORMAL), Err(Full));
    assert_eq!(queue.add_after(2, Duration::ZERO), Err(Full));
    queue.shutdown();
    assert_eq!(queue.next().await, None);
    assert_eq!((queue.add(3, Priority::NORMAL), env.activity().busy()), (Ok(()), 0));
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8),
    Wait(u8, u64),
    Take,
    Done(u8),
    Fail(u8),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..4_u8;
    let step = prop_oneof![
        key.clone().prop_map(Step::Add),
        (key.clone(), 0..9_u64).prop_map(|(key, ms)| Step::Wait(key, ms)),
        Just(Step::Take),
        key.clone().prop_map(Step::Done),
        key.prop_map(Step::Fail),
        (0..9_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// No key runs twice at a time, every added key runs after it was added, and the count of
    /// work is that of ready and running keys.
    #[test]
    fn no_run_overlaps_and_no_add_is_lost(steps in steps()) {
        let env = Env::system();
        let mut now = env.instant();
        let mut state = State::new(Limits::default(), env.activity().clone());
        let (mut running, mut wanted) = (BTreeMap::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Add(key) => {
                    state.add(key, Priority::NORMAL).unwrap();
                    wanted.insert(key, ());
                }
                Step::Wait(key, ms) => state.add_at(key, now + Duration::from_millis(ms)).unwrap(),
                Step::Take => if let Some(key) = state.take() {
                    prop_assert!(running.insert(key, ()).is_none());
                    wanted.remove(&key);
                },
                Step::Done(key) => {
                    state.done(&key);
                    running.remove(&key);
                }
                Step::Fail(key) => drop(state.fail(&key, now)),
                Step::Pass(ms) => {
                    now += Duration::from_millis(ms);
                    state.fire(now);
                }
            }
            let depth = state.depth();
            prop_assert_eq!(env.activity().busy(), depth.ready + depth.running);
            prop_assert_eq!(depth.running, running.len());
        }
        for key in std::mem::take(&mut running).into_keys() {
            state.done(&key);
        }
        while let Some(key) = state.take() {
            wanted.remove(&key);
        }
        prop_assert!(wanted.is_empty());
    }
}
