use parking_lot::Mutex;
use serde_json::json;

use super::*;
use crate::testing::{node, pod, snapshot};

/// Says the same of every pod, and writes down when it is asked.
#[derive(Debug)]
struct Probe {
    name: &'static str,
    score: i64,
    refuses: Option<&'static str>,
    log: Arc<Mutex<Vec<String>>>,
}

fn probe(name: &'static str, score: i64, refuses: Option<&'static str>) -> Probe {
    Probe { name, score, refuses, log: Arc::default() }
}

impl Probe {
    fn note(&self, what: &str) {
        self.log.lock().push(format!("{what} {}", self.name));
    }
}

impl Plugin for Probe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).score(self.clone()).reserve(self);
    }
}

impl FilterPlugin for Probe {
    fn prepare<'a>(&'a self, _: Cycle<'a>) -> Filter<'a> {
        Filter::each(move |node| match self.refuses {
            Some(refused) if *node.name == *refused => Err(Refusal::resolvable(self.name)),
            _ => Ok(()),
        })
    }
}

impl ScorePlugin for Probe {
    fn prepare<'a>(&'a self, _: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        Score::each(move |node| if *node.name == *"a" { self.score } else { 0 })
    }
}

impl ReservePlugin for Probe {
    fn reserve(&self, _: &PodInfo, node: &str) -> Result<(), Refusal> {
        self.note("reserve");
        match self.refuses {
            Some(refused) if refused == node => Err(Refusal::resolvable("taken")),
            _ => Ok(()),
        }
    }

    fn unreserve(&self, _: &PodInfo, _: &str) {
        self.note("unreserve");
    }
}

fn two_nodes() -> Snapshot {
    snapshot(&[node("a", json!({})), node("b", json!({}))])
}

#[test]
fn the_first_filter_that_refuses_a_node_gives_the_reason() {
    let framework = Framework::builder("f")
        .with(probe("first", 0, Some("a")))
        .with(probe("second", 0, Some("a")))
        .with(probe("third", 0, Some("b")))
        .build()
        .unwrap();
    let Decision::Unschedulable(rejection) = framework.schedule(&pod("p", json!({})), &two_nodes())
    else {
        panic!("no node passes");
    };
    assert_eq!(rejection.reasons, [("first".into(), 1), ("third".into(), 1)].into());
    assert_eq!(rejection.rejected_by, ["first", "third"].into());
}

#[test]
fn scores_are_bounded_weighted_and_added() {
    let framework = Framework::builder("f")
        .with(probe("small", 10, None))
        .weight("small", 3)
        .with(probe("boundless", 1_000_000, None))
        .build()
        .unwrap();
    let Decision::Bind(placement) = framework.schedule(&pod("p", json!({})), &two_nodes()) else {
        panic!("all nodes pass");
    };
    assert_eq!(placement.totals, [3 * 10 + MAX_SCORE, 0]);
    assert_eq!(placement.best, [Arc::from("a")]);
}

#[test]
fn equals_are_all_best() {
    let framework = Framework::builder("f").with(probe("none", 0, None)).build().unwrap();
    let Decision::Bind(placement) = framework.schedule(&pod("p", json!({})), &two_nodes()) else {
        panic!("all nodes pass");
    };
    assert_eq!(placement.best, [Arc::from("a"), Arc::from("b")]);
}

#[test]
fn what_makes_no_sense_is_not_built() {
    let twice = Framework::builder("f").with(probe("x", 0, None)).with(probe("x", 0, None));
    assert_eq!(twice.build().unwrap_err(), BuildError::Duplicate("x"));
    let unknown = Framework::builder("f").weight("x", 1);
    assert_eq!(unknown.build().unwrap_err(), BuildError::NoScore("x".into()));
    let zero = Framework::builder("f").with(probe("x", 0, None)).weight("x", 0);
    assert_eq!(zero.build().unwrap_err(), BuildError::Weight("x".into()));
}

#[test]
fn what_was_reserved_is_given_back_in_reverse_when_a_later_step_fails() {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let logging = |name, refuses| Probe { log: Arc::clone(&log), ..probe(name, 0, refuses) };
    let framework = Framework::builder("f")
        .with(logging("one", None))
        .with(logging("two", Some("a")))
        .with(logging("three", None))
        .build()
        .unwrap();
    let refused = framework.reserve(&pod("p", json!({})), "a").unwrap_err();
    assert_eq!(refused.0, "two");
    assert_eq!(*log.lock(), ["reserve one", "reserve two", "unreserve two", "unreserve one"]);
}
