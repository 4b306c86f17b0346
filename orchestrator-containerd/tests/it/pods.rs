//! Pods: what containers see, may do and may use, and how they end.

use orchestrator_core::runtime::{
    Dns, Mount, Propagation, Resources, Runtime, RuntimeError, RuntimeExt, SandboxOp, Seccomp,
};

use crate::host::{Host, UID};

#[tokio::test]
async fn a_container_ends_with_its_code_its_message_and_its_reason() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let told = host.sh(&sandbox, "echo why >/dev/termination-log; exit 3", |config| {
        config.name = "told".into();
        config.termination_message_path = "/dev/termination-log".into();
    });
    let exit = host.exited(&told.await).await.exit().cloned().unwrap();
    assert_eq!((exit.code, exit.message.as_str(), exit.reason.as_str()), (3, "why\n", ""));

    let logged = host.sh(&sandbox, "echo it broke; exit 1", |config| {
        config.name = "logged".into();
        config.log_is_termination_message = true;
    });
    let exit = host.exited(&logged.await).await.exit().cloned().unwrap();
    assert_eq!(exit.message, "it broke\n");

    let greedy = host.sh(&sandbox, "x=a; while :; do x=$x$x; done", |config| {
        config.name = "greedy".into();
        config.resources.memory_bytes = Some(16 << 20);
    });
    let exit = host.exited(&greedy.await).await.exit().cloned().unwrap();
    assert_eq!((exit.code, exit.reason.as_str()), (137, "OOMKilled"));

    let mut config = orchestrator_core::runtime::ContainerConfig::new(sandbox.clone(), "missing");
    config.image = crate::host::BUSYBOX.into();
    config.command = vec!["/no/such/program".into()];
    let error = host.runtime.start(config.clone()).await.unwrap_err().chain();
    assert!(error.contains("/no/such/program"), "{error}");
    let state = host.runtime.pod(UID).await.unwrap();
    let exit = state.newest("missing").and_then(|c| c.exit()).cloned().expect("it has ended");
    assert_eq!((exit.code, exit.reason.as_str()), (128, "StartError"));

    config.image = "example/none:1".into();
    config.attempt = 1;
    let error = host.runtime.start(config).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Image(_)), "{error:?}");
    host.close().await;
}

#[tokio::test]
async fn a_container_is_who_it_shall_be_and_may_do_no_more() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let script = "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status; \
                  grep CapEff /proc/self/status; touch /x 2>/dev/null || echo read-only; \
                  grep Seccomp: /proc/self/status; touch /data/x && echo written";
    let data = host.folder.join("data");
    std::fs::create_dir(&data).unwrap();
    let said = host.said(&sandbox, script, |config| {
        config.credentials.user = Some(0);
        config.credentials.group = Some(2000);
        config.credentials.groups = vec![3000];
        config.security.no_new_privileges = true;
        config.security.read_only_root = true;
        config.security.drop_capabilities = vec!["ALL".into()];
        config.security.add_capabilities = vec!["DAC_OVERRIDE".into()];
        config.security.seccomp = Seccomp::RuntimeDefault;
        config.mounts = vec![Mount {
            container_path: "/data".into(),
            host_path: data.clone(),
            read_only: false,
            propagation: Propagation::Private,
        }];
    });
    let said = said.await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], ["0", "2000"], "{said}");
    assert!(lines[2].split(' ').any(|group| group == "3000"), "{said}");
    assert_eq!(lines[3].split_whitespace().last(), Some("1"), "{said}");
    assert_eq!(lines[4].split_whitespace().last(), Some("0000000000000002"), "{said}");
    assert_eq!(lines[5], "read-only", "{said}");
    assert_eq!(lines[6].split_whitespace().last(), Some("2"), "{said}");
    assert_eq!(lines[7], "written", "{said}");
    assert!(data.join("x").exists());

    let refused = host.runtime.start({
        let mut config = orchestrator_core::runtime::ContainerConfig::new(sandbox.clone(), "root");
        config.image = crate::host::BUSYBOX.into();
        config.credentials.non_root = true;
        config
    });
    let refused = refused.await.unwrap_err();
    assert!(matches!(refused, RuntimeError::Config(_)), "{refused:?}");
    host.close().await;
}

#[tokio::test]
async fn a_pod_has_its_name_its_servers_and_its_settings() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|config| {
        config.dns = Some(Dns {
            servers: vec!["10.96.0.10".into()],
            searches: vec!["default.svc.cluster.local".into()],
            options: vec!["ndots:5".into()],
        });
        config.sysctls = [("net.ipv4.ip_local_port_range".into(), "20000 20100".into())].into();
        config.namespaces.shared_pid = true;
    });
    let sandbox = sandbox.await;
    let script = "hostname; cat /etc/resolv.conf; cat /proc/sys/net/ipv4/ip_local_port_range; \
                  ps | grep -c '[p]ause'";
    let said = host.said(&sandbox, script, |_| ()).await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "web", "{said}");
    for line in ["nameserver 10.96.0.10", "search default.svc.cluster.local", "options ndots:5"] {
        assert!(lines.contains(&line), "{line} in {said}");
    }
    assert!(said.contains("20000\t20100"), "{said}");
    assert_eq!(lines.last(), Some(&"1"), "{said}");
    let pod = host.runtime.pod(UID).await.unwrap();
    let ips = pod.sandbox.unwrap().ips;
    assert!(ips.len() == 1 && ips[0].to_string().starts_with("10.199."), "{ips:?}");
    host.close().await;
}

#[tokio::test]
async fn limits_are_those_of_the_control_group_and_can_be_changed() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let resources = Resources {
        cpu_shares: Some(512),
        cpu_quota_us: Some(50_000),
        cpu_period_us: Some(100_000),
        memory_bytes: Some(64 << 20),
        oom_score_adj: 900,
    };
    let script = "cat /proc/self/oom_score_adj; while :; do sleep 3600 & wait; done";
    let wanted = resources.clone();
    let id = host.sh(&sandbox, script, |config| config.resources = wanted).await;
    host.wrote(&id, "900").await;
    let read = |controller: &str, file: &str| {
        let group = format!("/sys/fs/cgroup/{controller}{}/pod/{id}/{file}", host.sweep.group);
        std::fs::read_to_string(&group).unwrap_or_else(|_| "no such tree".into()).trim().to_owned()
    };
    if read("memory", "memory.limit_in_bytes") == "no such tree" {
        return host.close().await;
    }
    assert_eq!(read("memory", "memory.limit_in_bytes"), (64 << 20).to_string());
    assert_eq!(read("cpu", "cpu.cfs_quota_us"), "50000");
    assert_eq!(read("cpu", "cpu.shares"), "512");
    let more = Resources { memory_bytes: Some(96 << 20), ..resources };
    let update =
        orchestrator_core::runtime::ContainerOp::Update { container: id.clone(), resources: more };
    host.runtime.container(update).await.unwrap();
    assert_eq!(read("memory", "memory.limit_in_bytes"), (96 << 20).to_string());
    host.close().await;
}

#[tokio::test]
async fn a_chosen_signal_asks_and_a_pod_is_gone_whole() {
    use std::time::Duration;
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let script = "trap 'echo asked; exit 9' USR1; echo up; while :; do sleep 3600 & wait; done";
    let id = host.sh(&sandbox, script, |config| config.stop_signal = "SIGUSR1".into()).await;
    host.wrote(&id, "up").await;
    let stop = orchestrator_core::runtime::ContainerOp::Stop {
        container: id.clone(),
        grace: Duration::from_secs(3600),
    };
    host.runtime.container(stop).await.unwrap();
    assert_eq!(host.exited(&id).await.exit().unwrap().code, 9);
    let dir = host.folder.join("pods").join(UID);
    assert!(dir.exists());
    host.runtime.sandbox(SandboxOp::Remove(sandbox)).await.unwrap();
    assert!(!dir.exists());
    host.close().await;
}
