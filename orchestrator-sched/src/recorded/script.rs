//! What happens in a cluster, step by step: which pods are tried, when, and in which order.
//!
//! The engine is driven by hand, with a clock of its own. A deletion takes effect at once, as it
//! did when the scripts were recorded; a victim of preemption is on its way out until the script
//! deletes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::env::Activity;
use orchestrator_core::object::Map;
use orchestrator_core::patch::{merge, strategic};
use orchestrator_core::schema::Schema;
use serde_json::{Value as Json, json};

use super::cluster::{group, key, set_storage};
use super::{agree, list, typed};
use crate::engine::Outcome;
use crate::{Backoff, Engine, Framework};

/// How long a check looks at a cluster in which nothing happens.
const QUIET: Duration = Duration::from_millis(700);

/// More attempts than this between two steps mean that something goes round in circles.
const MAX_ATTEMPTS: usize = 100_000;

/// Runs a script and compares at its checks.
pub(super) fn check(
    steps: &Json,
    schedulers: &BTreeMap<String, Arc<Framework>>,
    backoff: Backoff,
) -> Result<(), String> {
    let schedulers = schedulers.values().map(Arc::clone);
    let mut world = World {
        engine: Engine::new(schedulers, backoff, &Activity::default()),
        now: Duration::ZERO,
        objects: BTreeMap::new(),
        attempts: Vec::new(),
        bound: BTreeMap::new(),
    };
    for (index, step) in list(steps).enumerate() {
        world.step(step).map_err(|why| format!("step {}: {why}", index + 1))?;
    }
    Ok(())
}

/// A cluster without an API.
struct World {
    engine: Engine,
    now: Duration,
    /// By kind, then by namespace and name.
    objects: BTreeMap<String, BTreeMap<String, Json>>,
    attempts: Vec<String>,
    bound: BTreeMap<String, String>,
}

impl World {
    fn step(&mut self, step: &Json) -> Result<(), String> {
        match step["do"].as_str().unwrap_or_default() {
            "create" => self.write(kind(step)?, step["object"].clone())?,
            "patch" => self.patch(step)?,
            "delete" => self.delete(step)?,
            "sleep" => self.pass(Duration::from_millis(step["ms"].as_u64().unwrap_or_default()))?,
            "check" => {
                self.pass(QUIET)?;
                self.check(&step["expect"])?;
            }
            other => return Err(format!("unknown step {other:?}")),
        }
        self.settle()
    }

    fn write(&mut self, kind: &str, object: Json) -> Result<(), String> {
        let key = key(&object["metadata"]);
        self.tell(kind, &key, Some(&object))?;
        self.objects.entry(kind.to_owned()).or_default().insert(key.to_string(), object);
        Ok(())
    }

    /// Tells the engine of the newest state of an object, `None` where it is gone.
    fn tell(
        &mut self,
        kind: &str,
        key: &orchestrator_core::ObjectKey,
        object: Option<&Json>,
    ) -> Result<(), String> {
        let now = self.now;
        match kind {
            "Node" => {
                let node = object.map(typed).transpose()?.map(Arc::new);
                self.engine.set_node(&key.name, node, now);
            }
            "Pod" => {
                let pod = object.map(typed).transpose()?.map(Arc::new);
                self.engine.set_pod(key, pod, now);
            }
            "Namespace" => {
                let namespace = object.map(typed).transpose()?;
                self.engine.set_namespace(&key.name, namespace.as_ref(), now);
            }
            "Service" | "ReplicaSet" | "PodDisruptionBudget" => {
                let group = object.map(|object| group(kind, object)).transpose()?;
                self.engine.set_group(kind, key, group, now);
            }
            other => {
                let mut known = Ok(false);
                let change = |storage: &mut _| known = set_storage(storage, other, key, object);
                self.engine.change_storage(other, key, change, now);
                if !known? {
                    return Err(format!("objects of kind {other:?} are not supported"));
                }
            }
        }
        Ok(())
    }

    fn patch(&mut self, step: &Json) -> Result<(), String> {
        let (kind, at) = (kind(step)?, key(step));
        let known = self.objects.get(kind).and_then(|objects| objects.get(&at.to_string()));
        let Some(Json::Object(object)) = known else { return Err(format!("no {kind} {at}")) };
        let mut object = object.clone();
        let Json::Object(patch) = step["patch"].clone() else {
            return Err("the patch is no object".into());
        };
        match step["type"].as_str() {
            Some("strategic") => object = strategic_patch(kind, object, patch)?,
            _ => merge::apply(&mut object, patch),
        }
        self.write(kind, Json::Object(object))
    }

    fn delete(&mut self, step: &Json) -> Result<(), String> {
        let (kind, key) = (kind(step)?, key(step));
        if let Some(objects) = self.objects.get_mut(kind) {
            objects.remove(&key.to_string());
        }
        self.tell(kind, &key, None)
    }

    /// Lets time pass, with everything that falls due.
    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let end = self.now + time;
        self.settle()?;
        while let Some(due) = self.engine.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.settle()?;
        }
        self.now = end;
        Ok(())
    }

    /// Tries pods until none can be tried. Bindings take longer than attempts: they are seen when
    /// there is no pod left to try.
    fn settle(&mut self) -> Result<(), String> {
        let mut bindings: Vec<(String, String)> = Vec::new();
        for _ in 0..MAX_ATTEMPTS {
            let Some(attempt) = self.engine.next(self.now, |_| 0) else {
                if bindings.is_empty() {
                    return Ok(());
                }
                for (key, node) in bindings.drain(..) {
                    self.change_pod(&key, json!({"spec": {"nodeName": node}}))?;
                    self.bound.insert(key, node);
                }
                continue;
            };
            let key = attempt.pod.key.to_string();
            self.attempts.push(key.clone());
            match &attempt.outcome {
                Outcome::Bind { node, .. } => bindings.push((key, node.to_string())),
                Outcome::Unschedulable(rejection) => {
                    if rejection.withdraws && attempt.pod.nominated_node().is_some() {
                        self.change_pod(&key, json!({"status": {"nominatedNodeName": null}}))?;
                    }
                    let Some(nomination) = &rejection.nomination else { continue };
                    let node = &*nomination.node;
                    self.change_pod(&key, json!({"status": {"nominatedNodeName": node}}))?;
                    for victim in &nomination.victims {
                        self.evict(&victim.key.to_string())?;
                    }
                }
            }
        }
        Err(format!("{MAX_ATTEMPTS} attempts without an end"))
    }

    fn evict(&mut self, key: &str) -> Result<(), String> {
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
        });
        let change = json!({
            "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
            "status": {"conditions": [condition]},
        });
        self.change_pod(key, change)
    }

    fn change_pod(&mut self, key: &str, change: Json) -> Result<(), String> {
        let pod = self.objects.get("Pod").and_then(|pods| pods.get(key)).cloned();
        let (Some(Json::Object(mut pod)), Json::Object(change)) = (pod, change) else {
            return Err(format!("no pod {key}"));
        };
        merge::apply(&mut pod, change);
        self.write("Pod", Json::Object(pod))
    }

    fn check(&mut self, expect: &Json) -> Result<(), String> {
        let attempts = std::mem::take(&mut self.attempts);
        if expect.get("attempts").is_some() {
            agree("attempts", &attempts, &expect["attempts"])?;
        }
        agree("bound", &self.bound, &expect["bound"])?;
        let waits = |pod: &Json| pod["spec"]["nodeName"].is_null();
        let pods = self.objects.get("Pod").into_iter().flatten();
        let pending: Vec<_> = pods.filter(|(_, pod)| waits(pod)).map(|(key, _)| key).collect();
        agree("pending", &pending, &expect["pending"])
    }
}

fn kind(step: &Json) -> Result<&str, String> {
    step["kind"].as_str().ok_or_else(|| "a step without a kind".to_owned())
}

fn strategic_patch(kind: &str, object: Map, patch: Map) -> Result<Map, String> {
    let schema = Schema::builtin();
    let version = if kind == "ReplicaSet" { "apps/v1" } else { "v1" };
    let Some(definition) = schema.kind_of(version, kind) else {
        return Err(format!("strategic patches of {kind:?} are not supported"));
    };
    strategic::apply(schema, definition, object, patch).map_err(|why| why.to_string())
}
