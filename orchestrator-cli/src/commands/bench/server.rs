//! Servers to be measured: ours and etcd's, each in a process of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use orchestrator::core::BoxError;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::cost;

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Some processes that serve one store; they end when this is dropped.
pub struct Servers {
    children: Vec<Child>,
    /// Where clients reach them.
    pub addresses: Vec<String>,
}

/// Whose servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `orchestrator etcd`.
    Ours,
    /// `etcd`.
    Etcd,
}

/// Whether there is a real etcd on this machine.
pub fn etcd_is_here() -> bool {
    let version = std::process::Command::new("etcd")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

impl Servers {
    /// Starts `count` members of one store with their files below `folder`.
    pub async fn start(kind: Kind, count: usize, folder: &Path) -> Result<Self, BoxError> {
        let members: Vec<Member> =
            (0..count).map(|n| Member::new(n, folder)).collect::<Result<_, _>>()?;
        let mut servers = Self { children: Vec::new(), addresses: Vec::new() };
        for member in &members {
            std::fs::create_dir_all(&member.folder)?;
            let mut command = match kind {
                Kind::Ours => ours(member, &members)?,
                Kind::Etcd => etcd(member, &members),
            };
            command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
            if kind == Kind::Etcd {
                command.stdout(Stdio::null());
            }
            servers.children.push(command.spawn()?);
            servers.addresses.push(format!("127.0.0.1:{}", member.client_port));
        }
        let ready = servers.ready(kind, &members);
        tokio::time::timeout(READY_WITHIN, ready)
            .await
            .map_err(|_| format!("{kind:?}: no answer within {READY_WITHIN:?}"))??;
        Ok(servers)
    }

    /// Our servers say when they are ready; etcd's accept connections then.
    async fn ready(&mut self, kind: Kind, members: &[Member]) -> Result<(), BoxError> {
        for (child, member) in self.children.iter_mut().zip(members) {
            if kind == Kind::Ours {
                let out = child.stdout.take().ok_or("its output is a pipe")?;
                let first = BufReader::new(out).lines().next_line().await?;
                first.ok_or("a server ended before it was ready")?;
                continue;
            }
            while TcpStream::connect(("127.0.0.1", member.client_port)).await.is_err() {
                if let Some(status) = child.try_wait()? {
                    return Err(format!("etcd ended before it was ready: {status}").into());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// The CPU time of all of them so far.
    pub fn cpu(&self) -> std::io::Result<Duration> {
        self.children.iter().filter_map(Child::id).map(cost::cpu).sum()
    }

    /// Ends them.
    pub async fn stop(mut self) {
        for child in &mut self.children {
            // One that is gone already is what is wanted.
            let _ = child.kill().await;
        }
    }
}

/// One member to be.
struct Member {
    name: String,
    client_port: u16,
    peer_port: u16,
    folder: PathBuf,
}

impl Member {
    fn new(n: usize, folder: &Path) -> std::io::Result<Self> {
        let name = format!("m{n}");
        let folder = folder.join(&name);
        Ok(Self { client_port: free_port()?, peer_port: free_port()?, folder, name })
    }

    fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer_port)
    }
}

/// A port that nobody uses at this moment.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn ours(member: &Member, all: &[Member]) -> Result<Command, BoxError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("etcd").arg("--data-dir").arg(&member.folder);
    command.args(["--listen", &format!("127.0.0.1:{}", member.client_port)]);
    if all.len() > 1 {
        command.args(["--store", "raft", "--member-name", &member.name]);
        command.args(["--peer-listen", &format!("127.0.0.1:{}", member.peer_port)]);
        for member in all {
            command.arg("--member").arg(format!("{}={}", member.name, member.peer_url()));
        }
    }
    command.stdout(Stdio::piped());
    Ok(command)
}

fn etcd(member: &Member, all: &[Member]) -> Command {
    let client = format!("http://127.0.0.1:{}", member.client_port);
    let cluster: Vec<String> =
        all.iter().map(|member| format!("{}={}", member.name, member.peer_url())).collect();
    let mut command = Command::new("etcd");
    command.arg("--data-dir").arg(&member.folder);
    command.args(["--name", &member.name, "--log-level", "error"]);
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &member.peer_url()]);
    command.args(["--initial-advertise-peer-urls", &member.peer_url()]);
    command.args(["--initial-cluster", &cluster.join(","), "--quota-backend-bytes", "8589934592"]);
    command
}
