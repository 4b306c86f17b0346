use super::*;
use serde_json::json;

fn cells(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    object: Json,
) -> Vec<Json> {
    let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
    let object: Object = serde_json::from_value(object).unwrap();
    row(&GroupVersionResource::new(group, version, plural))(&object, now)
}

#[test]
fn every_kind_has_as_many_cells_as_columns() {
    for def in crate::builtin() {
        let columns = def.table.columns();
        if columns.is_empty() {
            continue;
        }
        let now = Timestamp::UNIX_EPOCH;
        let cells = def.table.cells(&Object::default(), now);
        assert_eq!(cells.len(), columns.len(), "{}", def.gvr);
    }
}

#[test]
fn a_pod_tells_the_most_telling_word() {
    let born = "2026-01-01T00:00:00Z";
    let pod = |extra: Json| {
        let mut pod = json!({"metadata": {"name": "p", "creationTimestamp": born},
            "spec": {"containers": [{}, {}]}, "status": {"phase": "Running"}});
        for (key, value) in extra.as_object().unwrap() {
            match key.as_str() {
                "deletionTimestamp" => pod["metadata"][key] = value.clone(),
                "initContainers" => pod["spec"][key] = value.clone(),
                _ => pod["status"][key] = value.clone(),
            }
        }
        let cells = cells("", "v1", "pods", pod);
        let word = |n: usize| cells[n].as_str().unwrap().to_owned();
        format!("{} {} {} {}", word(1), word(2), word(3), word(4))
    };
    let ready = json!({"ready": true, "state": {"running": {}}, "restartCount": 0});
    let crash = json!({"ready": false, "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"finishedAt": "2026-01-01T00:55:00Z"}}});
    let done = json!({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
    let cases = [
        (json!({}), "0/2 Running 0 60m"),
        (json!({"containerStatuses": [ready, ready]}), "2/2 Running 0 60m"),
        (json!({"containerStatuses": [ready, crash]}), "1/2 CrashLoopBackOff 3 (5m ago) 60m"),
        (json!({"containerStatuses": [done, done], "phase": "Succeeded"}), "0/2 Completed 0 60m"),
        (json!({"containerStatuses": [done, ready]}), "1/2 NotReady 0 60m"),
        (
            json!({"deletionTimestamp": born, "containerStatuses": [ready, ready]}),
            "2/2 Terminating 0 60m",
        ),
        (
            json!({"phase": "Pending", "initContainers": [{"name": "a"}, {"name": "b"}],
                "initContainerStatuses": [done, {"state": {"waiting": {"reason": "PodInitializing"}}}]}),
            "0/2 Init:1/2 0 60m",
        ),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
                "reason": "SchedulingGated"}]}),
            "0/2 SchedulingGated 0 60m",
        ),
    ];
    for (status, expected) in cases {
        assert_eq!(pod(status.clone()), expected, "{status}");
    }
}

#[test]
fn services_show_their_ports_and_addresses() {
    let service = json!({"metadata": {"name": "s"}, "spec": {"type": "NodePort",
        "clusterIP": "10.0.0.5", "selector": {"a": "b"},
        "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}});
    let cells = cells("", "v1", "services", service);
    assert_eq!(
        cells[1..5],
        [json!("NodePort"), json!("10.0.0.5"), json!("<none>"), json!("80:30080/TCP,53/UDP")]
    );
    assert_eq!(cells[6], "a=b");
}

#[test]
fn long_lists_of_endpoints_are_cut() {
    let addresses: Vec<Json> = (1..=5).map(|n| json!({"ip": format!("10.0.0.{n}")})).collect();
    let endpoints = json!({"subsets": [{"addresses": addresses, "ports": [{"port": 8080}]}]});
    let cells = cells("", "v1", "endpoints", endpoints);
    assert_eq!(cells[1], "10.0.0.1:8080,10.0.0.2:8080,10.0.0.3:8080 + 2 more...");
}

#[test]
fn jobs_and_nodes_tell_their_state() {
    let job = json!({"spec": {"completions": 3, "parallelism": 2}, "status": {"succeeded": 3,
        "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:30Z",
        "conditions": [{"type": "Complete", "status": "True"}]}});
    assert_eq!(
        cells("batch", "v1", "jobs", job)[1..4],
        [json!("Complete"), json!("3/3"), json!("30s")]
    );
    let node = json!({"metadata": {"labels": {"node-role.kubernetes.io/worker": ""}},
        "spec": {"unschedulable": true},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let row = cells("", "v1", "nodes", node);
    assert_eq!(row[1..3], [json!("Ready,SchedulingDisabled"), json!("worker")]);
}
