//! Pods wait, and are tried in their order.

use super::*;
use crate::plugins;
use crate::testing::pod;
use serde_json::json;

fn queue() -> Queue {
    let scheduler = Arc::new(plugins::defaults("default-scheduler").build().unwrap());
    Queue::new(scheduler, Backoff::default(), Activity::default())
}

fn rejected_by(plugin: &'static str) -> Rejection {
    let mut rejection = Rejection::default();
    rejection.rejected_by.insert(plugin);
    rejection
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn popped(queue: &mut Queue, now: Duration) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((pod, _)) = queue.pop(now) {
        names.push(pod.key.name.to_string());
    }
    names
}

#[test]
fn priority_comes_first_and_then_age() {
    let mut queue = queue();
    for (name, priority) in [("a", 0), ("b", 5), ("c", 0), ("d", 9)] {
        queue.set(Arc::new(pod(name, json!({"priority": priority}))), at(0));
    }
    assert_eq!(popped(&mut queue, at(0)), ["d", "b", "a", "c"]);
}

#[test]
fn backoff_doubles_up_to_its_limit() {
    let seconds: Vec<_> = (1..7).map(|n| Backoff::default().after(n).as_secs()).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 10, 10]);
}

#[test]
fn a_pod_waits_for_an_event_that_helps_and_for_its_backoff() {
    let mut queue = queue();
    let waiting = Arc::new(pod("a", json!({})));
    queue.set(Arc::clone(&waiting), at(0));
    let _ = queue.pop(at(0)).unwrap();
    queue.put_back(&waiting.id, rejected_by("NodeResourcesFit"), at(0));
    assert_eq!(queue.activity.busy(), 0);
    let gone = pod("gone", json!({}));
    queue.wake(&ClusterEvent::PodBound { pod: &gone }, at(0));
    assert_eq!(queue.next_due(), Some(at(300)));
    queue.wake(&ClusterEvent::PodRemoved { pod: &gone }, at(0));
    let other = Arc::new(pod("b", json!({})));
    queue.set(Arc::clone(&other), at(0));
    let first = queue.pop(at(0)).unwrap();
    assert_eq!((&*first.0.key.name, queue.next_due()), ("b", Some(at(1))));
    queue.tick(at(1));
    assert_eq!(queue.activity.busy(), 2);
    drop(first);
    assert_eq!(popped(&mut queue, at(1)), ["a"]);
}

#[test]
fn backoff_lets_others_go_first_and_keeps_nobody_waiting_when_there_are_none() {
    let mut queue = queue();
    let waiting = Arc::new(pod("a", json!({})));
    queue.set(Arc::clone(&waiting), at(0));
    let _ = queue.pop(at(0)).unwrap();
    queue.put_back(&waiting.id, rejected_by("NodeResourcesFit"), at(0));
    assert!(!queue.has_active(), "nothing has helped it yet");
    queue.wake(&ClusterEvent::PodRemoved { pod: &pod("gone", json!({})) }, at(0));
    assert!(queue.has_active());
    queue.set(Arc::new(pod("b", json!({}))), at(0));
    assert_eq!(popped(&mut queue, at(0)), ["b", "a"]);
    queue.retry(&waiting.id, at(0));
    assert!(!queue.has_active(), "after an error the backoff counts");
}

#[test]
fn a_pod_that_nothing_is_known_to_help_is_tried_by_time() {
    let mut queue = queue();
    let waiting = Arc::new(pod("a", json!({})));
    queue.set(Arc::clone(&waiting), at(0));
    let _ = queue.pop(at(0)).unwrap();
    queue.put_back(&waiting.id, Rejection::default(), at(0));
    assert_eq!(queue.next_due(), Some(at(1)));
}

#[test]
fn gates_hold_and_removal_forgets() {
    let mut queue = queue();
    let gated = json!({"schedulingGates": [{"name": "g"}]});
    queue.set(Arc::new(pod("a", gated)), at(0));
    assert!(!queue.has_active());
    queue.set(Arc::new(pod("a", json!({}))), at(0));
    queue.set(Arc::new(pod("b", json!({}))), at(0));
    queue.remove(&pod("b", json!({})).id);
    assert_eq!(popped(&mut queue, at(0)), ["a"]);
    assert_eq!(queue.activity.busy(), 0);
}
