//! How fast is a decision? One core, full default profile, every node scored.
//!
//! A table of figures beside their targets. Nothing is asserted; `-- distinct` and the like choose
//! parts, `-- 1000000` and the like set the largest cluster (a million nodes need two gigabytes). A decision is the choice of a node and
//! taking note of the pod there; what is known when a pod arrives is found out before.

mod clusters;
mod plugins;

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::scheduler::PodInfo;
use orchestrator_sched::dense::Choice;

use clusters::{Cluster, pod};

/// What can be measured alone.
const PARTS: [&str; 6] = ["distinct", "identical", "classes", "spreading", "preempting", "plugins"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers = arguments.iter().filter_map(|argument| argument.parse().ok());
    let largest: usize = numbers.max().unwrap_or(1_000_000);
    let named: Vec<_> = arguments.iter().filter(|argument| PARTS.contains(&&***argument)).collect();
    let wants = |part: &str| named.is_empty() || named.iter().any(|name| **name == part);
    row("decision core, full default profile, one core", "measured".into(), "target");
    if wants("distinct") {
        distinct(5_000);
    }
    for (nodes, target) in [(5_000, "5 M/s"), (100_000, "3 M/s"), (1_000_000, "1 M/s")] {
        if nodes <= largest && wants("identical") {
            identical(nodes, target);
        }
    }
    if largest >= 100_000 && wants("classes") {
        classes(100_000, 100_000, 64);
    }
    if wants("spreading") {
        spreading();
    }
    if wants("preempting") {
        preempting();
    }
    if wants("plugins") {
        plugins::figures();
    }
}

fn row(what: &str, measured: String, target: &str) {
    println!("{what:<66} {measured:>14}   {target}");
}

fn rate(count: usize, time: Duration) -> String {
    let rate = count as f64 / time.as_secs_f64();
    if rate >= 1e6 { format!("{:.2} M/s", rate / 1e6) } else { format!("{rate:.0}/s") }
}

/// How long `work` keeps a processor busy: others on the machine should not show. Where the
/// system does not tell, how long it takes.
fn timed(work: impl FnOnce()) -> Duration {
    let env = Env::system();
    let (start, busy) = (env.instant(), time_on_processor());
    work();
    let (end, busy_then) = (env.instant(), time_on_processor());
    busy_then.zip(busy).map_or(end - start, |(then, busy)| then - busy)
}

fn time_on_processor() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Every pod asks for other amounts, so nothing that was found out for one helps another.
fn distinct(nodes: usize) {
    const PODS: usize = 20_000;
    let mut cluster = Cluster::new(nodes);
    let mut random = fastrand::Rng::with_seed(1);
    let mut any = || {
        let requests = (random.i64(1..900), random.i64(1 << 20..4 << 30));
        pod("default", requests, 0, serde_json::json!({}))
    };
    let pods: Vec<Arc<PodInfo>> = (0..PODS).map(|_| any()).collect();
    let mut tickets: Vec<_> = pods.iter().map(|pod| cluster.admit(pod)).collect();
    let both = pods.iter().zip(&mut tickets);
    let time = timed(|| both.for_each(|(pod, ticket)| cluster.place(ticket, pod)));
    row(&format!("distinct pods, {nodes} nodes"), rate(PODS, time), "250000/s");
}

fn identical(nodes: usize, target: &str) {
    const PODS: usize = 1_000_000;
    let mut cluster = Cluster::new(nodes);
    let like = pod("default", (1, 1 << 20), 0, serde_json::json!({}));
    let mut first = cluster.admit(&like);
    cluster.place(&mut first, &like);
    // Each pod has a ticket of its own.
    let ticket = cluster.admit(&like);
    let time = timed(|| (0..PODS).for_each(|_| cluster.place(&mut { ticket }, &like)));
    row(&format!("identical pods, {nodes} nodes"), rate(PODS, time), target);
}

/// From nothing: the columns are there, no class is.
fn classes(nodes: usize, pods: usize, count: usize) {
    let mut cluster = Cluster::new(nodes);
    let class = |index: usize| {
        let requests = (100 + 10 * index as i64, (64 + index as i64) << 20);
        pod("default", requests, 0, serde_json::json!({}))
    };
    let all: Vec<_> = (0..count).map(class).collect();
    let twice = all.iter().chain(&all);
    let tickets: Vec<_> = twice.map(|pod| cluster.admit(pod)).skip(count).collect();
    let time = timed(|| {
        for index in 0..pods {
            cluster.place(&mut { tickets[index % count] }, &all[index % count]);
        }
    });
    let what = format!("{pods} pods of {count} classes onto {nodes} nodes");
    row(&what, format!("{:.2} s", time.as_secs_f64()), "1 s");
}

/// Pods of one kind with constraints and wishes about each other.
fn spreading() {
    const PODS: usize = 5_000;
    let selector = serde_json::json!({"matchLabels": {"app": "web"}});
    let zone = "topology.kubernetes.io/zone";
    let constraint = serde_json::json!({"topologyKey": zone, "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector});
    let term = |key: &str| serde_json::json!({"topologyKey": key, "labelSelector": selector});
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    let host = "kubernetes.io/hostname";
    let wish = serde_json::json!([{"weight": 1, "podAffinityTerm": term(host)}]);
    for (what, spec) in [
        ("spread over zones", serde_json::json!({"topologySpreadConstraints": [constraint]})),
        (
            "required anti-affinity by node",
            serde_json::json!({"affinity": {"podAntiAffinity": {required: [term(host)]}}}),
        ),
        (
            "required affinity by zone",
            serde_json::json!({"affinity": {"podAffinity": {required: [term(zone)]}}}),
        ),
        (
            "preferred anti-affinity by node",
            serde_json::json!({"affinity": {"podAntiAffinity": {preferred: wish}}}),
        ),
    ] {
        let mut cluster = Cluster::new(5_000);
        let like = pod("default", (10, 1 << 20), 0, spec);
        cluster.admit(&like);
        let ticket = cluster.admit(&like);
        let time = timed(|| (0..PODS).for_each(|_| cluster.place(&mut { ticket }, &like)));
        row(&format!("{what}, 5000 nodes"), rate(PODS, time), "");
    }
}

/// Every node is full of pods that are less important.
fn preempting() {
    const PODS: usize = 2_000;
    let mut cluster = Cluster::new(5_000);
    let low = pod("default", (900, 1 << 20), 0, serde_json::json!({}));
    for _ in 0..4 * 5_000 {
        if let Choice::Node { node, .. } = cluster.choose(&low) {
            cluster.put(&low, &node);
        }
    }
    let high = pod("default", (3_000, 1 << 20), 10, serde_json::json!({}));
    let time = timed(|| {
        for _ in 0..PODS {
            match cluster.choose(&high) {
                Choice::None(why) => {
                    let nomination = why.nomination.expect("others can leave");
                    nomination
                        .victims
                        .iter()
                        .for_each(|gone| cluster.remove(gone, &nomination.node));
                    cluster.put(&high, &nomination.node);
                }
                other => panic!("{other:?}"),
            }
        }
    });
    row("preemption: victims found and gone, 5000 full nodes", rate(PODS, time), "");
    let far = pod("default", (9_000_000, 1 << 20), 0, serde_json::json!({}));
    let time = timed(|| (0..100 * PODS).for_each(|_| drop(cluster.choose(&far))));
    row("unschedulable pods, 5000 nodes", rate(100 * PODS, time), "");
}
