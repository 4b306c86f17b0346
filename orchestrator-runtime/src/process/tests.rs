//! Real processes: each test waits for events, never for time.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use orchestrator_core::Env;
use orchestrator_core::node::{ExecOptions, LogOptions, TerminalSize};
use orchestrator_core::runtime::{
    ContainerConfig, ContainerState, Credentials, Mount, Propagation, Runtime, RuntimeError,
    RuntimeExt, SandboxConfig,
};
use orchestrator_testkit::runtime::{Program, Subject, conformance};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

struct Host {
    dir: TempDir,
    runtime: Arc<ProcessRuntime>,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Self::open(&dir, false);
        Self { dir, runtime }
    }

    fn open(dir: &TempDir, keep: bool) -> Arc<ProcessRuntime> {
        let mut config = ProcessConfig::new(dir.path().join("pods"));
        config.keep_on_drop = keep;
        Arc::new(ProcessRuntime::open(config, Env::system()).unwrap())
    }

    /// Starts `script` in a shell.
    async fn sh(&self, script: &str, change: impl FnOnce(&mut ContainerConfig)) -> ContainerState {
        let sandbox =
            SandboxConfig { uid: "u".into(), hostname: "web".into(), ..SandboxConfig::default() };
        let sandbox = self.runtime.run_sandbox(sandbox).await.unwrap();
        let mut config = ContainerConfig::new(sandbox, "c");
        config.command = ["sh", "-c", script].map(str::to_owned).to_vec();
        change(&mut config);
        self.runtime.start(config).await.unwrap();
        self.runtime.pod("u").await.unwrap().containers.pop().unwrap()
    }

    async fn exited(&self, state: &ContainerState) -> ContainerState {
        let mut events = self.runtime.events();
        loop {
            let pod = self.runtime.pod("u").await.unwrap();
            let now = pod.containers.into_iter().find(|c| c.id == state.id).unwrap();
            if now.exit().is_some() {
                return now;
            }
            events.next().await.unwrap();
        }
    }

    async fn log(&self, state: &ContainerState) -> String {
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let log = self.runtime.logs(state.id.clone(), options).await.unwrap();
        String::from_utf8(log.collect::<Vec<_>>().await.concat()).unwrap()
    }

    /// Waits until the container has written `line`.
    async fn wrote(&self, state: &ContainerState, line: &str) {
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let mut log = self.runtime.logs(state.id.clone(), options).await.unwrap();
        let mut text = String::new();
        while !text.lines().any(|written| written == line) {
            let chunk = log.next().await.expect("the container has ended");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[async_trait]
impl Subject for Host {
    async fn runtime(&self) -> Arc<dyn Runtime> {
        let dir = self.dir.path().join(Env::system().uid());
        Arc::new(ProcessRuntime::open(ProcessConfig::new(dir), Env::system()).unwrap())
    }

    fn program(&self, program: Program, config: &mut ContainerConfig) {
        let script = match program {
            Program::Forever => "exec sleep 100000".to_owned(),
            Program::Stubborn => {
                "trap '' TERM; echo ready; while :; do sleep 100000; done".to_owned()
            }
            Program::Exit(code) => format!("echo done; exit {code}"),
        };
        config.command = vec!["sh".into(), "-c".into(), script];
    }
}

#[tokio::test]
async fn the_process_runtime_keeps_the_contract() {
    conformance(&Host::new()).await;
}

#[tokio::test]
async fn a_container_has_its_environment_and_its_mounts() {
    let host = Host::new();
    let volume = host.dir.path().join("volume");
    std::fs::create_dir(&volume).unwrap();
    std::fs::write(volume.join("key"), "value\n").unwrap();
    let script = "echo $HOSTNAME $A; cat /etc/app/key; cat $B/key; cat etc/app/key; echo $POD_IP";
    let started = host
        .sh(script, |config| {
            config.env = vec![("A".into(), "a".into()), ("B".into(), "/etc/app".into())];
            config.mounts = vec![Mount {
                container_path: "/etc/app".into(),
                host_path: volume,
                read_only: true,
                propagation: Propagation::Private,
            }];
        })
        .await;
    let ip = host.runtime.pod("u").await.unwrap().sandbox.unwrap().ips[0].to_string();
    assert!(ip.starts_with("127."), "{ip}");
    assert_eq!(host.log(&started).await, format!("web a\nvalue\nvalue\nvalue\n{ip}\n"));
}

#[tokio::test]
async fn signals_and_messages_are_reported() {
    let host = Host::new();
    let script = "echo because >/dev/termination-log; kill -9 $$";
    let started = host
        .sh(script, |config| config.termination_message_path = "/dev/termination-log".into())
        .await;
    let exit = host.exited(&started).await.exit().unwrap().clone();
    assert_eq!((exit.code, exit.signal, exit.message.as_str()), (137, Some(9), "because\n"));
}

#[tokio::test]
async fn the_log_stands_in_for_a_message() {
    let host = Host::new();
    let started =
        host.sh("echo broken; exit 1", |config| config.log_is_termination_message = true).await;
    assert_eq!(host.exited(&started).await.exit().unwrap().message, "broken\n");
}

#[tokio::test]
async fn nothing_survives_its_container() {
    let host = Host::new();
    let pid_file = host.dir.path().join("pid");
    let script = format!(
        "setsid sh -c 'echo $$ >{0}; exec sleep 100000' & while ! [ -s {0} ]; do :; done",
        pid_file.display()
    );
    let started = host.sh(&script, |_| {}).await;
    host.exited(&started).await;
    let pid: i32 = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    assert!(child::ProcessId::of(pid).is_none_or(|p| !p.is_alive()), "{pid} still runs");
}

#[tokio::test]
async fn what_cannot_run_says_why() {
    let host = Host::new();
    let pod = host.sh("exit 0", |_| {}).await;
    host.exited(&pod).await;
    let sandbox = host.runtime.pod("u").await.unwrap().sandbox.unwrap().id;
    let mut config = ContainerConfig::new(sandbox, "none");
    config.image = "nginx".into();
    let error = host.runtime.start(config.clone()).await.unwrap_err();
    assert!(matches!(&error, RuntimeError::Image(why) if why.contains("\"nginx\"")), "{error:?}");
    config.command = vec!["no-such-program".into()];
    let error = host.runtime.start(config.clone()).await.unwrap_err();
    let why = "exec: \"no-such-program\": executable file not found in $PATH";
    assert!(error.to_string() == why, "{error:?}");
    let state = host.runtime.pod("u").await.unwrap().newest("none").unwrap().clone();
    let exit = state.exit().unwrap();
    assert_eq!((exit.code, exit.reason.as_str(), exit.message.as_str()), (128, "StartError", why));
    config.name = "root".into();
    config.credentials = Credentials { user: Some(0), non_root: true, ..Credentials::default() };
    let error = host.runtime.start(config).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Config(_)), "{error:?}");
}

#[tokio::test]
async fn another_user_needs_root() {
    let host = Host::new();
    let (own, _) = child::own_ids();
    if own != 0 {
        eprintln!("skipped: only root can run a container as another user");
        return;
    }
    // The user must reach the container's directory.
    rustix::fs::chmod(host.dir.path(), rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
    let started = host.sh("id -u; id -g", |config| config.credentials.user = Some(4321)).await;
    assert_eq!(host.log(&started).await, "4321\n4321\n");
}

#[tokio::test]
async fn exec_has_streams_a_terminal_and_an_exit_code() {
    let host = Host::new();
    let started = host.sh("exec sleep 100000", |_| {}).await;
    let options = ExecOptions {
        command: ["sh", "-c", "read x; echo got $x; echo err >&2; exit 7"].map(Into::into).into(),
        stdin: true,
        stdout: true,
        stderr: true,
        ..ExecOptions::default()
    };
    let mut session = host.runtime.session(started.id.clone(), options).await.unwrap();
    session.stdin.take().unwrap().write_all(b"line\n").await.unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    session.stdout.unwrap().read_to_string(&mut out).await.unwrap();
    session.stderr.unwrap().read_to_string(&mut err).await.unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("got line\n", "err\n"));
    assert_eq!(session.exit.await, Ok(7));

    let options = ExecOptions {
        command: ["sh", "-c", "read x; stty size"].map(Into::into).into(),
        stdin: true,
        stdout: true,
        tty: true,
        ..ExecOptions::default()
    };
    let mut session = host.runtime.session(started.id.clone(), options).await.unwrap();
    let resize = session.resize.take().unwrap();
    resize.send(TerminalSize { width: 91, height: 37 }).await.unwrap();
    let exit = async {
        // The size is set before the command reads its line.
        resize.closed().await;
    };
    let talk = async {
        tokio::task::yield_now().await;
        session.stdin.take().unwrap().write_all(b"\n").await.unwrap();
        let mut out = String::new();
        session.stdout.take().unwrap().read_to_string(&mut out).await.unwrap();
        out
    };
    let (code, out, ()) = futures::join!(session.exit, talk, exit);
    assert_eq!(code, Ok(0));
    assert!(out.contains("37 91"), "{out:?}");
}

#[tokio::test]
async fn attach_joins_the_container_s_own_streams() {
    let host = Host::new();
    let script = "echo ready; read x; echo got $x; read y";
    let started = host.sh(script, |config| config.stdin = true).await;
    host.wrote(&started, "ready").await;
    let options = ExecOptions { stdin: true, stdout: true, ..ExecOptions::default() };
    let mut session = host.runtime.session(started.id.clone(), options).await.unwrap();
    let mut stdin = session.stdin.take().unwrap();
    stdin.write_all(b"line\n").await.unwrap();
    host.wrote(&started, "got line").await;
    stdin.write_all(b"\n").await.unwrap();
    let mut out = String::new();
    session.stdout.take().unwrap().read_to_string(&mut out).await.unwrap();
    assert_eq!(out, "got line\n");
    assert_eq!(session.exit.await, Ok(0));
}

#[tokio::test]
async fn ports_of_a_pod_can_be_reached() {
    let host = Host::new();
    host.sh("exec sleep 100000", |_| {}).await;
    let sandbox = host.runtime.pod("u").await.unwrap().sandbox.unwrap();
    let listener = tokio::net::TcpListener::bind((sandbox.ips[0], 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connect = host.runtime.connect(sandbox.id.clone(), port);
    let (accepted, connected) = futures::join!(listener.accept(), connect);
    accepted.unwrap().0.write_all(b"hello").await.unwrap();
    let mut text = String::new();
    connected.unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello");
}

#[tokio::test]
async fn a_later_runtime_goes_on_with_the_containers_of_an_earlier_one() {
    let dir = tempfile::tempdir().unwrap();
    let first = Host { runtime: Host::open(&dir, true), dir };
    let gate = first.dir.path().join("gate");
    child::make_pipe(&gate).unwrap();
    let script = format!("echo one; read x <{}; echo two; sleep 100000", gate.display());
    let started = first.sh(&script, |_| {}).await;
    first.wrote(&started, "one").await;
    let ips = first.runtime.pod("u").await.unwrap().sandbox.unwrap().ips;
    let Host { dir, runtime } = first;
    drop(runtime);

    let second = Host { runtime: Host::open(&dir, false), dir };
    let pod = second.runtime.pod("u").await.unwrap();
    assert_eq!(pod.sandbox.unwrap().ips, ips);
    assert!(pod.containers[0].is_running());
    assert_eq!(pod.containers[0].id, started.id);
    // Held open until it was read: what is in a pipe that nobody has open is lost.
    let mut gate = child::open_pipe(&gate).unwrap();
    std::io::Write::write_all(&mut gate, b"\n").unwrap();
    second.wrote(&started, "two").await;
    second.runtime.shut_down(std::time::Duration::from_secs(3600)).await;
    let exit = second.exited(&started).await.exit().unwrap().clone();
    assert_eq!(exit.reason, "ContainerStatusUnknown");
}

#[tokio::test]
async fn dropping_the_runtime_ends_its_containers() {
    let host = Host::new();
    let started = host.sh("exec sleep 100000", |_| {}).await;
    let record: record::ContainerRecord = {
        let path = host.dir.path().join("pods/u/c/0/container.json");
        record::read(&path).unwrap()
    };
    assert_eq!(record.id, started.id.as_str());
    let process = record.process.unwrap();
    assert!(process.is_alive());
    let pidfd = process.pidfd().unwrap();
    drop(host);
    pidfd.readable().await;
    assert!(!process.is_alive());
}
