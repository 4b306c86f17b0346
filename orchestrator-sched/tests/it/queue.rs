//! Scripts of what happens in a cluster, replayed: which pods are tried, when, and in which order.
//!
//! The engine is driven by hand, with a clock of its own. A deletion takes effect at once, as it
//! did when the scripts were recorded; a victim of preemption is on its way out until the script
//! deletes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::ObjectKey;
use orchestrator_core::env::Activity;
use orchestrator_core::scheduler::Scheduler;
use orchestrator_sched::engine::Outcome;
use orchestrator_sched::{Backoff, Engine, plugins};
use serde_json::{Map, Value, json};

use crate::recorded::{cases, folder, list, read};

/// How many of the scripts must be followed to the end. Of the two others, one is about volumes,
/// the other tells one attempt more than there is.
const FLOOR: usize = 10;

/// How long a check looks at a cluster in which nothing happens.
const QUIET: Duration = Duration::from_millis(700);

#[test]
fn pods_are_tried_when_and_in_the_order_that_was_recorded() {
    let Some(folder) = folder() else { return };
    let scripts = cases(&folder, "queue");
    let failures: Vec<_> = scripts.iter().filter_map(|script| run(script).err()).collect();
    let agreed = scripts.len() - failures.len();
    eprintln!("queue: {agreed} of {} agree", scripts.len());
    failures.iter().for_each(|failure| eprintln!("  {failure}"));
    assert!(agreed >= FLOOR, "{agreed} of at least {FLOOR}");
}

fn run(script: &Value) -> Result<(), String> {
    let mut world = World::new();
    for step in list(&script["script"]) {
        world.step(step).map_err(|why| format!("{}: {why}", script["id"]))?;
    }
    Ok(())
}

/// A cluster without an API.
struct World {
    engine: Engine,
    now: Duration,
    nodes: BTreeMap<String, Value>,
    pods: BTreeMap<String, Value>,
    attempts: Vec<String>,
    bound: BTreeMap<String, String>,
}

impl World {
    fn new() -> Self {
        let framework = plugins::defaults("default-scheduler").build().unwrap();
        let scheduler: Arc<dyn Scheduler> = Arc::new(framework);
        let backoff = Backoff { max: Duration::from_secs(2), ..Backoff::default() };
        Self {
            engine: Engine::new([scheduler], backoff, &Activity::default()),
            now: Duration::ZERO,
            nodes: BTreeMap::new(),
            pods: BTreeMap::new(),
            attempts: Vec::new(),
            bound: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: &Value) -> Result<(), String> {
        match step["do"].as_str().unwrap() {
            "create" => self.write(step["kind"].as_str().unwrap(), step["object"].clone())?,
            "patch" => self.patch(step)?,
            "delete" => self.delete(step)?,
            "sleep" => self.pass(Duration::from_millis(step["ms"].as_u64().unwrap())),
            "check" => {
                self.pass(QUIET);
                self.check(&step["expect"])?;
            }
            other => return Err(format!("unknown step {other}")),
        }
        self.settle();
        Ok(())
    }

    fn write(&mut self, kind: &str, object: Value) -> Result<(), String> {
        let key = key(&object["metadata"]);
        match kind {
            "Node" => {
                self.engine.set_node(&key.name, Some(Arc::new(read(&object))), self.now);
                self.nodes.insert(key.name.to_string(), object);
            }
            "Pod" => {
                self.engine.set_pod(&key, Some(Arc::new(read(&object))), self.now);
                self.pods.insert(key.to_string(), object);
            }
            other => return Err(format!("{other} is not supported")),
        }
        Ok(())
    }

    fn patch(&mut self, step: &Value) -> Result<(), String> {
        if step["type"] == "strategic" {
            return Err("strategic patches are not supported".into());
        }
        let key = key(step);
        let kind = step["kind"].as_str().unwrap();
        let known = if kind == "Node" { &self.nodes } else { &self.pods };
        let mut object = known.get(&key.to_string()).cloned().ok_or("no such object")?;
        merge(&mut object, &step["patch"]);
        self.write(kind, object)
    }

    fn delete(&mut self, step: &Value) -> Result<(), String> {
        let key = key(step);
        match step["kind"].as_str().unwrap() {
            "Node" => {
                self.nodes.remove(key.name.as_ref());
                self.engine.set_node(&key.name, None, self.now);
            }
            "Pod" => {
                self.pods.remove(&key.to_string());
                self.engine.set_pod(&key, None, self.now);
            }
            other => return Err(format!("{other} is not supported")),
        }
        Ok(())
    }

    /// Lets time pass, with everything that falls due.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(due) = self.engine.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.settle();
        }
        self.now = end;
    }

    /// Tries pods until none can be tried.
    fn settle(&mut self) {
        while let Some(attempt) = self.engine.next(self.now, |_| 0) {
            let key = attempt.pod.key.to_string();
            self.attempts.push(key.clone());
            let mut object = self.pods[&key].clone();
            match &attempt.outcome {
                Outcome::Bind { node, .. } => {
                    merge(&mut object, &json!({"spec": {"nodeName": &**node}}));
                    self.bound.insert(key, node.to_string());
                    self.write("Pod", object).unwrap();
                }
                Outcome::Unschedulable(rejection) => {
                    let Some(nomination) = &rejection.nomination else { continue };
                    let node = &*nomination.node;
                    merge(&mut object, &json!({"status": {"nominatedNodeName": node}}));
                    self.write("Pod", object).unwrap();
                    for victim in &nomination.victims {
                        self.evict(&victim.key.to_string());
                    }
                }
            }
        }
    }

    fn evict(&mut self, key: &str) {
        let mut object = self.pods[key].clone();
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
        });
        merge(
            &mut object,
            &json!({
                "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
                "status": {"conditions": [condition]},
            }),
        );
        self.write("Pod", object).unwrap();
    }

    fn check(&mut self, expect: &Value) -> Result<(), String> {
        let attempts = std::mem::take(&mut self.attempts);
        if expect.get("attempts").is_some() {
            agree("attempts", json!(attempts), &expect["attempts"])?;
        }
        agree("bound", json!(self.bound), &expect["bound"])?;
        let waits = |pod: &Value| pod["spec"]["nodeName"].is_null();
        let pending = self.pods.iter().filter(|(_, pod)| waits(pod)).map(|(key, _)| key);
        let pending: Vec<_> = pending.collect();
        agree("pending", json!(pending), &expect["pending"])
    }
}

fn agree(what: &str, got: Value, expected: &Value) -> Result<(), String> {
    match got == *expected {
        true => Ok(()),
        false => Err(format!("{what}: got {got}, expected {expected}")),
    }
}

fn key(meta: &Value) -> ObjectKey {
    let text = |field: &str| meta[field].as_str().unwrap_or_default().to_owned();
    ObjectKey::new(text("namespace"), text("name"))
}

/// A merge patch.
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    for (name, value) in patch {
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
            value => merge(&mut object[name], value),
        }
    }
}
