//! Faults: what is killed, and what is true afterwards.

use std::process::Command;
use std::time::Duration;

use orchestrator_core::runtime::{ContainerOp, Runtime, RuntimeExt};

use crate::host::{Host, UID};
use crate::traces::processes;

const FOREVER: &str = "trap 'exit 0' TERM; echo up; while :; do sleep 3600 & wait; done";

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// The process of the host's own containerd or of one of its shims.
fn find(host: &Host, program: &str) -> u32 {
    let ours = host.folder.display().to_string();
    let mut found = processes(&ours).into_iter();
    let found = found.find(|(_, words)| words.split(' ').next().unwrap().ends_with(program));
    found.unwrap_or_else(|| panic!("no {program} runs")).0
}

#[tokio::test]
async fn containers_outlive_containerd_and_no_exit_code_is_lost() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let stays = host.sh(&sandbox, FOREVER, |config| config.name = "stays".into()).await;
    let script = "while [ ! -e /gate/open ]; do sleep 0.05; done; exit 42";
    let gate = host.folder.join("gate");
    std::fs::create_dir(&gate).unwrap();
    let ends = host.sh(&sandbox, script, |config| {
        config.name = "ends".into();
        config.mounts = vec![orchestrator_core::runtime::Mount {
            container_path: "/gate".into(),
            host_path: gate.clone(),
            read_only: false,
            propagation: orchestrator_core::runtime::Propagation::Private,
        }];
    });
    let ends = ends.await;
    kill(find(&host, "containerd"));
    std::fs::write(gate.join("open"), "").unwrap();
    // The event is lost or not, depending on who is faster; the code never is.
    assert_eq!(host.exited(&ends).await.exit().unwrap().code, 42);
    let pod = host.runtime.pod(UID).await.unwrap();
    let still = pod.containers.iter().find(|c| c.id == stays).unwrap();
    assert!(still.is_running() && pod.sandbox.unwrap().ready);
    let exec =
        orchestrator_core::node::ExecOptions { command: vec!["true".into()], ..Default::default() };
    // The new one may not answer yet.
    let mut tries = 0;
    let session = loop {
        match host.runtime.session(stays.clone(), exec.clone()).await {
            Ok(session) => break session,
            Err(error) if tries == 200 => panic!("{}", error.chain()),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        tries += 1;
    };
    assert_eq!(session.exit.await, Ok(0));
    host.close().await;
}

#[tokio::test]
async fn the_next_runtime_goes_on_with_what_it_finds() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let stays = host.sh(&sandbox, FOREVER, |config| config.name = "stays".into()).await;
    let ended = host.sh(&sandbox, "echo said; exit 5", |config| config.name = "ended".into()).await;
    host.exited(&ended).await;
    let before = host.runtime.pod(UID).await.unwrap();
    let host = host.reopen().await;
    let after = host.runtime.pod(UID).await.unwrap();
    assert_eq!(after, before, "everything is as it was");
    assert_eq!(host.log(&ended).await, "said\n");
    let mut again = orchestrator_core::runtime::ContainerConfig::new(sandbox.clone(), "stays");
    again.image = crate::host::BUSYBOX.into();
    assert_eq!(host.runtime.start(again).await.unwrap(), stays, "nothing is started twice");
    let stop = ContainerOp::Stop { container: stays.clone(), grace: Duration::from_secs(60) };
    host.runtime.container(stop).await.unwrap();
    assert_eq!(host.exited(&stays).await.exit().unwrap().code, 0);
    host.close().await;
}

#[tokio::test]
async fn a_killed_shim_or_pause_is_an_end_like_any_other() {
    let Some(host) = Host::new().await else { return };
    let sandbox = host.sandbox(|_| ()).await;
    let id = host.sh(&sandbox, FOREVER, |_| ()).await;
    host.wrote(&id, "up").await;
    kill(find(&host, "containerd-shim-runc-v2"));
    // Nobody saw how it ended, only that it did.
    let code = host.exited(&id).await.exit().unwrap().code;
    assert!([137, 255].contains(&code), "{code}");
    let mut events = host.runtime.events();
    while host.runtime.pod(UID).await.unwrap().sandbox.unwrap().ready {
        futures::StreamExt::next(&mut events).await;
    }
    // The next sandbox takes the place of the dead one.
    let next = host.sandbox(|config| config.attempt = 1).await;
    assert_ne!(next, sandbox);
    let again = host.said(&next, "echo again", |config| config.attempt = 1).await;
    assert_eq!(again, "again\n");
    host.close().await;
}
