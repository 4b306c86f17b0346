//! The steps of updates and of changes of size, in tables.

use super::rollout::*;
use super::*;
use serde_json::json;

/// `name:replicas/available@age`, `*` before the new one.
fn sets(text: &str, desired: i32, max: i32) -> Sets {
    let mut sets = Sets::default();
    for (index, word) in text.split_whitespace().enumerate() {
        let (name, numbers) = word.trim_start_matches('*').split_once(':').unwrap();
        let (replicas, available) = numbers.split_once('/').unwrap();
        let number = |text: &str| text.parse::<i32>().unwrap();
        let set: ReplicaSet = serde_json::from_value(json!({
            "metadata": {"name": name, "generation": 1,
                "creationTimestamp": format!("2026-01-01T00:00:{index:02}Z"),
                "annotations": {"deployment.kubernetes.io/desired-replicas": desired.to_string(),
                    "deployment.kubernetes.io/max-replicas": max.to_string(),
                    "deployment.kubernetes.io/revision": (index + 1).to_string()}},
            "spec": {"replicas": number(replicas), "selector": {}},
            "status": {"replicas": number(replicas), "availableReplicas": number(available),
                "observedGeneration": 1},
        }))
        .unwrap();
        match word.starts_with('*') {
            true => sets.new = Some(Arc::new(set)),
            false => sets.old.push(Arc::new(set)),
        }
    }
    sets
}

fn limits(replicas: i32, surge: i32, unavailable: i32) -> Limits {
    Limits { replicas, surge, unavailable, rolling: true }
}

fn show(scales: Vec<Scale>) -> String {
    let words = scales.iter().map(|scale| format!("{}={}", scale.set.name(), scale.to));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_rolling_update_moves_within_surge_and_unavailability() {
    let cases = [
        // The new set grows as far as the surge allows.
        ("a:10/10 *b:0/0", (10, 3, 2), "b=3"),
        // Old pods that can be spared go; new ones that are not available yet count as missing.
        ("a:10/10 *b:3/0", (10, 3, 2), "a=8"),
        ("a:8/8 *b:3/0", (10, 3, 2), "b=5"),
        ("a:8/8 *b:5/0", (10, 3, 2), ""),
        ("a:8/8 *b:5/5", (10, 3, 2), "a=3"),
        // Unavailable old pods go first, even where nothing available can be spared.
        ("a:8/4 *b:5/4", (10, 3, 2), "a=4"),
        ("a:4/2 b:4/4 *c:2/2", (8, 2, 2), "a=0"),
        // Scaled by hand: put back.
        ("*a:5/5", (1, 1, 0), "a=1"),
        ("*a:3/3", (3, 1, 1), ""),
        ("a:3/3 *b:0/0", (0, 0, 0), "a=0"),
    ];
    for (text, (replicas, surge, unavailable), want) in cases {
        let sets = sets(text, replicas, replicas + surge);
        let got = show(rolling(&sets, limits(replicas, surge, unavailable)));
        assert_eq!(got, want, "{text}");
    }
}

#[test]
fn recreation_waits_until_the_old_pods_are_gone() {
    let limits = Limits { rolling: false, ..limits(3, 0, 0) };
    let run = |text: &str, old_pods_run| show(recreate(&sets(text, 3, 3), limits, old_pods_run));
    assert_eq!(run("a:3/3", true), "a=0");
    assert_eq!(run("a:0/0 *b:0/0", true), "");
    assert_eq!(run("a:0/0 *b:0/0", false), "b=3");
    assert_eq!(run("a:0/0 *b:3/0", false), "");
    assert_eq!(new_size(&sets("a:3/3", 3, 3), limits), 3);
}

#[test]
fn a_change_of_size_is_spread_in_proportion() {
    let cases = [
        // One set alone takes it all.
        ("*a:5/5", (5, 5), (10, 0), "a=10"),
        ("a:0/0 *b:0/0", (0, 0), (4, 0), "b=4"),
        // In the middle of an update of 10 with a surge of 3.
        ("a:8/8 *b:5/0", (10, 13), (20, 6), "a=16 b=10"),
        ("a:8/8 *b:5/0", (10, 13), (5, 2), "a=4 b=3"),
        ("a:5/5 *b:5/5", (10, 10), (0, 0), "a=0 b=0"),
        ("a:5/5 b:5/5 *c:5/5", (15, 15), (16, 0), "c=6 a=5 b=5"),
        // A finished update: the old ones go.
        ("a:1/1 *b:5/5", (5, 6), (5, 1), "a=0"),
    ];
    for (text, (desired, max), (replicas, surge), want) in cases {
        let sets = sets(text, desired, max);
        let scales = proportional(&sets, limits(replicas, surge, 0), 0);
        let mut got: Vec<_> = show(scales).split(' ').map(str::to_owned).collect();
        let mut want: Vec<_> = want.split(' ').map(str::to_owned).collect();
        got.sort();
        want.sort();
        assert_eq!(got, want, "{text} to {replicas}");
    }
}

#[test]
fn a_deployment_was_scaled_when_a_set_with_pods_has_another_size_in_mind() {
    assert!(is_scaled(&sets("*a:2/2", 2, 3), limits(3, 1, 0)));
    assert!(!is_scaled(&sets("*a:2/2", 3, 3), limits(3, 1, 0)));
    assert!(!is_scaled(&sets("*a:0/0", 2, 3), limits(3, 1, 0)));
}

#[test]
fn the_oldest_revisions_without_pods_go() {
    let names = |text: &str, limit| {
        let surplus = surplus(&sets(text, 1, 1), limit);
        surplus.iter().map(|set| set.name().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("a:0/0 b:0/0 c:0/0 *d:1/1", Some(1)), "a b");
    assert_eq!(names("a:1/1 b:0/0 c:0/0 *d:1/1", Some(1)), "b");
    assert_eq!(names("a:0/0 *d:1/1", Some(0)), "a");
    assert_eq!(names("a:0/0 *d:1/1", None), "");
    assert_eq!(names("a:0/0 *d:1/1", Some(i32::MAX)), "");
}
