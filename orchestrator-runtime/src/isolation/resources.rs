//! What containers may use: requests and limits as weights and bounds of the kernel.

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use orchestrator_core::Quantity;
use orchestrator_core::runtime::Resources;

use crate::agent::NodeConfig;
use crate::plan::{Role, members, qos_class};

/// The weight of a whole CPU, and the least weight.
const SHARES_PER_CPU: u64 = 1024;
const LEAST_SHARES: u64 = 2;

/// The time in which a limit of CPU time holds, and the least that can be given in it.
const PERIOD_US: u64 = 100_000;
const LEAST_QUOTA_US: i64 = 1000;

/// How readily containers are killed when the node has no memory left: never those that have all
/// they asked for or that the node needs, always those that asked for nothing.
const GUARANTEED: i64 = -997;
const BEST_EFFORT: i64 = 1000;

/// From this priority on a pod is one that the node needs.
const CRITICAL: i32 = 2_000_000_000;

/// What one container may use.
pub(super) fn of_container(pod: &Pod, container: &Container, node: &NodeConfig) -> Resources {
    let own = container.resources.clone().unwrap_or_default();
    let memory = amount(&own, "memory");
    Resources {
        oom_score_adj: score(pod, memory.request, node),
        ..bounds(amount(&own, "cpu"), memory)
    }
}

/// What all containers of a pod together may use: bounded where each one is.
pub(super) fn of_pod(pod: &Pod) -> Resources {
    let mut sums = [Amount::default(), Amount::default()];
    let mut bounded = [true, true];
    let whole = pod.spec.as_ref().and_then(|spec| spec.resources.clone());
    let running = members(pod).filter(|m| matches!(m.role, Role::App | Role::Sidecar));
    let parts: Vec<ResourceRequirements> = match whole {
        Some(whole) => vec![whole],
        None => running.map(|m| m.spec.resources.clone().unwrap_or_default()).collect(),
    };
    for part in &parts {
        for (index, name) in ["cpu", "memory"].into_iter().enumerate() {
            let own = amount(part, name);
            sums[index].request += own.request;
            sums[index].limit += own.limit;
            bounded[index] &= own.limit > 0;
        }
    }
    for (sum, bounded) in sums.iter_mut().zip(bounded) {
        if !bounded {
            sum.limit = 0;
        }
    }
    bounds(sums[0], sums[1])
}

/// What is asked for and what is allowed, in thousandths; nothing is zero.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    request: i64,
    limit: i64,
}

/// Without a request, the limit is what is asked for.
fn amount(resources: &ResourceRequirements, name: &str) -> Amount {
    let milli = |text: &String| text.parse::<Quantity>().map_or(0, Quantity::milli_value).max(0);
    let request = resources.requests.as_ref().and_then(|map| map.get(name)).map(|q| milli(&q.0));
    let limit = resources.limits.as_ref().and_then(|map| map.get(name)).map_or(0, |q| milli(&q.0));
    Amount { request: request.unwrap_or(limit), limit }
}

fn bounds(cpu: Amount, memory: Amount) -> Resources {
    let shares = u64::try_from(cpu.request).unwrap_or_default() * SHARES_PER_CPU / 1000;
    let quota = cpu.limit.saturating_mul(PERIOD_US as i64 / 1000).max(LEAST_QUOTA_US);
    let limited = cpu.limit > 0;
    Resources {
        cpu_shares: Some(shares.max(LEAST_SHARES)),
        cpu_quota_us: limited.then_some(quota),
        cpu_period_us: limited.then_some(PERIOD_US),
        memory_bytes: u64::try_from(memory.limit / 1000).ok().filter(|bytes| *bytes > 0),
        oom_score_adj: 0,
    }
}

/// The more of the node's memory a container asks for, the less readily it is killed.
fn score(pod: &Pod, request: i64, node: &NodeConfig) -> i64 {
    let priority = pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or_default();
    match qos_class(pod) {
        _ if priority >= CRITICAL => GUARANTEED,
        "Guaranteed" => GUARANTEED,
        "BestEffort" => BEST_EFFORT,
        _ => {
            let capacity = node.capacity.get("memory").and_then(|text| text.parse().ok());
            let capacity = capacity.map_or(0, Quantity::milli_value).max(1);
            let part = i128::from(request) * 1000 / i128::from(capacity);
            let score = 1000 - i64::try_from(part).unwrap_or(1000);
            // Between the two others in any case.
            score.clamp(1000 + GUARANTEED, BEST_EFFORT - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(resources: &[Value]) -> Pod {
        let containers: Vec<Value> =
            resources.iter().map(|r| json!({"name": "c", "resources": r})).collect();
        serde_json::from_value(json!({"spec": {"containers": containers}})).unwrap()
    }

    fn first(resources: Value) -> Resources {
        let pod = pod(&[resources]);
        let node = NodeConfig::new("n", "/v").capacity("memory", "10Gi");
        of_container(&pod, &pod.spec.as_ref().unwrap().containers[0], &node)
    }

    #[test]
    fn requests_are_weights_and_limits_are_bounds() {
        let limits = json!({"cpu": "500m", "memory": "64Mi"});
        let own = first(json!({"limits": limits}));
        assert_eq!((own.cpu_shares, own.cpu_quota_us), (Some(512), Some(50_000)));
        assert_eq!((own.memory_bytes, own.oom_score_adj), (Some(64 << 20), -997));
        let own = first(json!({"requests": {"memory": "1Gi"}}));
        assert_eq!((own.cpu_shares, own.cpu_quota_us, own.memory_bytes), (Some(2), None, None));
        assert_eq!(own.oom_score_adj, 900);
        assert_eq!(first(json!({})).oom_score_adj, 1000);
        assert_eq!(first(json!({"limits": {"cpu": "1m"}})).cpu_quota_us, Some(1000));
    }

    #[test]
    fn a_pod_is_bounded_where_each_container_is() {
        let bounded = json!({"limits": {"cpu": "1", "memory": "1Gi"}});
        let half = json!({"limits": {"memory": "1Gi"}, "requests": {"cpu": "250m"}});
        let whole = of_pod(&pod(&[bounded.clone(), bounded.clone()]));
        assert_eq!((whole.cpu_shares, whole.cpu_quota_us), (Some(2048), Some(200_000)));
        assert_eq!(whole.memory_bytes, Some(2 << 30));
        let mixed = of_pod(&pod(&[bounded, half]));
        assert_eq!((mixed.cpu_shares, mixed.cpu_quota_us), (Some(1280), None));
        assert_eq!(mixed.memory_bytes, Some(2 << 30));
    }
}
