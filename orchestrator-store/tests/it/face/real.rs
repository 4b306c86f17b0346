//! A real etcd, where there is one on PATH.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;

use orchestrator_core::Env;
use orchestrator_core::env::Task;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running etcd of one member; it ends with this.
pub struct RealEtcd {
    pub address: SocketAddr,
    _process: Child,
    _log: Task<()>,
    _data: TempDir,
}

impl RealEtcd {
    /// Starts one; `None` where there is no etcd, which is told.
    pub async fn start(env: &Env) -> Option<Self> {
        let data = TempDir::new().unwrap();
        let (client, peer) = (free_port(), free_port());
        let (client_url, peer_url) = (format!("http://{client}"), format!("http://{peer}"));
        let started = Command::new("etcd")
            .arg("--data-dir")
            .arg(data.path())
            .args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url])
            .args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url])
            .args(["--initial-cluster", &format!("default={peer_url}"), "--unsafe-no-fsync"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut process) = started else {
            eprintln!("SKIPPED: there is no etcd on PATH to compare with");
            return None;
        };
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        loop {
            let line = log.next_line().await.unwrap().expect("etcd says when it is ready");
            if line.contains("ready to serve") {
                break;
            }
        }
        let drain = async move { while let Ok(Some(_)) = log.next_line().await {} };
        let log = env.spawn("log", drain);
        Some(Self { address: client, _process: process, _log: log, _data: data })
    }
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
