//! Gangs by themselves: who is held back, who may be bound.

use futures::FutureExt;
use serde_json::json;

use super::*;
use crate::testing::pod;
use orchestrator_core::ObjectKey;

fn member(name: &str) -> PodInfo {
    pod(name, json!({"schedulingGroup": {"podGroupName": "g"}}))
}

fn group() -> ObjectKey {
    ObjectKey::new("default", "g")
}

/// A plugin that knows a gang that wants `min` of these pods.
fn plugin(min: usize, pods: &[&PodInfo]) -> GangScheduling {
    let plugin = GangScheduling::default();
    for pod in pods {
        plugin.gangs.set_pod(&pod.key, Some(&pod.pod));
    }
    plugin.gangs.set_group(&group(), Some(Some(min)));
    plugin
}

#[test]
fn a_pod_waits_for_its_group_and_for_enough_pods() {
    let (a, b) = (member("a"), member("b"));
    let plugin = GangScheduling::default();
    plugin.gangs.set_pod(&a.key, Some(&a.pod));
    assert!(plugin.gate(&a).unwrap().contains("pod group \"g\" to appear"));
    assert_eq!(plugin.gangs.set_group(&group(), Some(Some(2))), std::slice::from_ref(&a.key));
    assert!(plugin.gate(&a).unwrap().contains("minCount"));
    assert_eq!(plugin.gangs.set_pod(&b.key, Some(&b.pod)), std::slice::from_ref(&a.key));
    assert_eq!((plugin.gate(&a), plugin.gate(&b)), (None, None));
    plugin.gangs.set_pod(&b.key, None);
    assert!(plugin.gate(&a).is_some(), "one has gone");
    plugin.gangs.set_group(&group(), Some(None));
    assert_eq!(plugin.gate(&a), None, "the group is no gang");
    assert_eq!(plugin.gate(&pod("alone", json!({}))), None);
}

#[test]
fn nobody_is_bound_before_enough_have_reserved() {
    let (a, b, c) = (member("a"), member("b"), member("c"));
    let plugin = plugin(2, &[&a, &b, &c]);
    plugin.reserve(&a, "n").unwrap();
    let Permit::Wait(first, _) = plugin.permit(&a, "n") else { panic!("one is not enough") };
    let mut first = first;
    assert_eq!((&mut first).now_or_never(), None);
    plugin.reserve(&b, "n").unwrap();
    assert!(matches!(plugin.permit(&b, "n"), Permit::Allow));
    assert_eq!(first.now_or_never(), Some(Ok(())));
    plugin.reserve(&c, "n").unwrap();
    assert!(matches!(plugin.permit(&c, "n"), Permit::Allow), "more than enough");
}

#[test]
fn one_that_gives_back_sends_back_those_that_wait() {
    let (a, b) = (member("a"), member("b"));
    let plugin = plugin(2, &[&a, &b]);
    plugin.reserve(&a, "n").unwrap();
    let Permit::Wait(first, _) = plugin.permit(&a, "n") else { panic!("one is not enough") };
    plugin.unreserve(&b, "n");
    let refused = first.now_or_never().unwrap().unwrap_err();
    assert_eq!(refused.reasons, ["pod default/b of the same pod group could not be bound"]);
    plugin.unreserve(&a, "n");
    let wanted = plugin.gangs.wanted(&a).unwrap();
    assert_eq!((wanted.min, wanted.placed, wanted.waiting.len()), (2, 0, 2));
}

#[test]
fn a_gang_that_is_complete_stays_so_when_one_more_fails() {
    let (a, b, c) = (member("a"), member("b"), member("c"));
    let plugin = plugin(2, &[&a, &b, &c]);
    for pod in [&a, &b] {
        plugin.reserve(pod, "n").unwrap();
    }
    plugin.unreserve(&c, "n");
    assert!(matches!(plugin.permit(&a, "n"), Permit::Allow));
}

#[test]
fn the_group_is_served_with_upstreams_fields() {
    let def = definition();
    assert!(def.definition.is_some() && def.is_namespaced());
    assert_eq!(def.gvr.to_string(), "scheduling.k8s.io/v1alpha2/podgroups");
}
