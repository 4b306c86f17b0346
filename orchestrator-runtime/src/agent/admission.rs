//! Admission: whether the node takes a pod that was bound to it.
//!
//! The scheduler has decided, but on older knowledge, and whoever sets `spec.nodeName` has asked
//! nobody. So the node looks once more, when it first sees a pod, in the order in which pods
//! come.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Node, Pod};
use orchestrator_core::Quantity;
use parking_lot::Mutex;

use super::selector;
use crate::plan::{Rejection, Role, members};

/// What the admitted pods use, by uid.
#[derive(Debug, Default)]
pub(super) struct Admission {
    used: Mutex<BTreeMap<String, Requests>>,
}

/// Amounts by resource, in thousandths of a unit.
type Requests = BTreeMap<String, i64>;

impl Admission {
    /// Takes a pod, or says why not.
    pub(super) fn admit(
        &self,
        uid: &str,
        pod: &Pod,
        node: &Node,
        allocatable: &BTreeMap<String, String>,
    ) -> Result<(), Rejection> {
        if !selector::matches(pod, node) {
            return Err(Rejection {
                reason: "NodeAffinity".into(),
                message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match \
                          Pod's node affinity/selector"
                    .into(),
            });
        }
        let wanted = requests(pod);
        let mut used = self.used.lock();
        for (resource, amount) in &wanted {
            let capacity = allocatable.get(resource).map_or(0, |text| milli(text));
            let others: i64 = used.values().filter_map(|r| r.get(resource)).sum();
            if *amount > 0 && others.saturating_add(*amount) > capacity {
                return Err(out_of(resource, *amount, others, capacity));
            }
        }
        used.insert(uid.to_owned(), wanted);
        Ok(())
    }

    /// Counts a pod that was admitted earlier, by another agent.
    pub(super) fn keep(&self, uid: &str, pod: &Pod) {
        self.used.lock().insert(uid.to_owned(), requests(pod));
    }

    /// Gives back what a pod used.
    pub(super) fn release(&self, uid: &str) {
        self.used.lock().remove(uid);
    }
}

fn out_of(resource: &str, amount: i64, used: i64, capacity: i64) -> Rejection {
    // CPUs are told in thousandths, everything else in units.
    let unit = |amount: i64| if resource == "cpu" { amount } else { amount / 1000 };
    Rejection {
        reason: format!("OutOf{resource}"),
        message: format!(
            "Pod was rejected: Node didn't have enough resource: {resource}, requested: {}, \
             used: {}, capacity: {}",
            unit(amount),
            unit(used),
            unit(capacity)
        ),
    }
}

fn milli(text: &str) -> i64 {
    text.parse::<Quantity>().map_or(0, Quantity::milli_value)
}

/// What a pod needs at once: the sum of what runs together, or the most that an init container
/// needs beside the sidecars before it, plus the overhead.
fn requests(pod: &Pod) -> Requests {
    let mut together = Requests::new();
    let mut alone = Requests::new();
    for member in members(pod) {
        let own = of_container(&member.spec);
        match member.role {
            Role::App | Role::Sidecar => add(&mut together, &own),
            Role::Init => {
                let mut beside = together.clone();
                add(&mut beside, &own);
                for (resource, amount) in beside {
                    let most = alone.entry(resource).or_default();
                    *most = amount.max(*most);
                }
            }
            Role::Ephemeral => {}
        }
    }
    for (resource, amount) in alone {
        let most = together.entry(resource).or_default();
        *most = amount.max(*most);
    }
    let overhead = pod.spec.as_ref().and_then(|spec| spec.overhead.as_ref());
    let overhead = overhead.into_iter().flatten();
    add(&mut together, &overhead.map(|(r, amount)| (r.clone(), milli(&amount.0))).collect());
    together.insert("pods".into(), 1000);
    together
}

fn of_container(container: &Container) -> Requests {
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let requests = requests.into_iter().flatten();
    requests.map(|(resource, amount)| (resource.clone(), milli(&amount.0))).collect()
}

fn add(sum: &mut Requests, more: &Requests) {
    for (resource, amount) in more {
        let entry = sum.entry(resource.clone()).or_default();
        *entry = entry.saturating_add(*amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: Value) -> Pod {
        serde_json::from_value(json!({"spec": spec})).unwrap()
    }

    fn cpu(amount: &str) -> Value {
        json!({"name": "a", "resources": {"requests": {"cpu": amount}}})
    }

    fn node() -> (Node, BTreeMap<String, String>) {
        let meta = json!({"name": "n", "labels": {"disk": "ssd"}});
        let node = serde_json::from_value(json!({"metadata": meta})).unwrap();
        let capacity = [("cpu", "2"), ("memory", "1Gi"), ("pods", "2")];
        (node, capacity.map(|(name, amount)| (name.to_owned(), amount.to_owned())).into())
    }

    #[test]
    fn a_full_node_says_what_is_missing() {
        let admission = Admission::default();
        let (node, capacity) = node();
        let admit = |uid: &str, spec| admission.admit(uid, &pod(spec), &node, &capacity);
        admit("a", json!({"containers": [cpu("1500m")]})).unwrap();
        let rejection = admit("b", json!({"containers": [cpu("600m")]})).unwrap_err();
        assert_eq!(rejection.reason, "OutOfcpu");
        assert_eq!(
            rejection.message,
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 600, used: \
             1500, capacity: 2000"
        );
        let gpu = json!({"name": "a", "resources": {"requests": {"example.com/gpu": "1"}}});
        let rejection = admit("b", json!({"containers": [gpu]})).unwrap_err();
        assert_eq!(rejection.reason, "OutOfexample.com/gpu");
        admit("b", json!({"containers": [cpu("500m")]})).unwrap();
        assert_eq!(admit("c", json!({"containers": []})).unwrap_err().reason, "OutOfpods");
        admission.release("a");
        admit("c", json!({"containers": [cpu("1500m")]})).unwrap();
    }

    #[test]
    fn init_containers_count_with_the_sidecars_before_them() {
        let sidecar = |amount| {
            let mut container = cpu(amount);
            container["restartPolicy"] = "Always".into();
            container
        };
        let spec = json!({"containers": [cpu("1")], "overhead": {"cpu": "100m"},
            "initContainers": [cpu("1500m"), sidecar("200m"), cpu("1600m")]});
        assert_eq!(requests(&pod(spec))["cpu"], 1900);
    }

    #[test]
    fn a_node_that_is_not_selected_refuses() {
        let (node, capacity) = node();
        let admit = |spec| Admission::default().admit("a", &pod(spec), &node, &capacity);
        admit(json!({"containers": [], "nodeSelector": {"disk": "ssd"}})).unwrap();
        let other = json!({"containers": [], "nodeSelector": {"disk": "hdd"}});
        assert_eq!(admit(other).unwrap_err().reason, "NodeAffinity");
    }
}
