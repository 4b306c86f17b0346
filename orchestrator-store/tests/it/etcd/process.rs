//! An etcd of one member on the loopback, in a directory of its own.

use std::ffi::OsString;
use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::Env;
use orchestrator_core::store::{
    LeaseInfo, LeaseOp, Range, RangeResponse, Revision, Store, StoreError, StoreStatus, Txn,
    TxnResponse, WatchRequest, WatchStream,
};
use orchestrator_store::etcd::EtcdStore;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Short elections, so that a member is up at once and leases may be short; progress as often as
/// etcd allows, because 3.4 may not be asked for it.
const ARGUMENTS: [&str; 5] = [
    "--heartbeat-interval=20",
    "--election-timeout=200",
    "--experimental-watch-progress-notify-interval=100ms",
    "--logger=zap",
    "--initial-cluster-state=new",
];

/// A running etcd; killed when dropped.
pub(super) struct Etcd {
    arguments: Vec<OsString>,
    child: Child,
    url: String,
    dir: TempDir,
}

/// Whether there is an etcd to test against; says so where there is none.
pub(super) fn is_there() -> bool {
    let found = Command::new("etcd").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("SKIPPED: no `etcd` on PATH");
    }
    found
}

impl Etcd {
    /// Starts one on free ports.
    pub(super) fn start(more: &[&str]) -> Self {
        Self::start_with("http", |_| more.iter().map(OsString::from).collect())
    }

    /// Starts one that speaks `scheme`, with what `more` makes of its directory.
    pub(super) fn start_with(scheme: &str, more: impl FnOnce(&Path) -> Vec<OsString>) -> Self {
        let [client, peer] = free_ports();
        let peer = format!("http://127.0.0.1:{peer}");
        let url = format!("{scheme}://127.0.0.1:{client}");
        Self::member(url, "m", &peer, &format!("m={peer}"), more)
    }

    /// Starts a cluster of three.
    pub(super) fn start_three() -> [Self; 3] {
        let names = ["m0", "m1", "m2"];
        let ports: [[u16; 2]; 3] = names.map(|_| free_ports());
        let peers = ports.map(|[_, peer]| format!("http://127.0.0.1:{peer}"));
        let all = [0, 1, 2].map(|n| format!("{}={}", names[n], peers[n])).join(",");
        [0, 1, 2].map(|n| {
            let url = format!("http://127.0.0.1:{}", ports[n][0]);
            Self::member(url, names[n], &peers[n], &all, |_| Vec::new())
        })
    }

    fn member(
        url: String,
        name: &str,
        peer: &str,
        all: &str,
        more: impl FnOnce(&Path) -> Vec<OsString>,
    ) -> Self {
        let dir = TempDir::new().expect("a directory");
        let mut arguments: Vec<OsString> = ARGUMENTS.iter().map(OsString::from).collect();
        arguments.extend([
            OsString::from(format!("--data-dir={}", dir.path().join("data").display())),
            format!("--name={name}").into(),
            format!("--listen-client-urls={url}").into(),
            format!("--advertise-client-urls={url}").into(),
            format!("--listen-peer-urls={peer}").into(),
            format!("--initial-advertise-peer-urls={peer}").into(),
            format!("--initial-cluster={all}").into(),
        ]);
        arguments.extend(more(dir.path()));
        let child = spawn(&arguments, dir.path());
        Self { arguments, child, url, dir }
    }

    /// Where clients reach it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A store over it.
    pub(super) fn store(&self) -> EtcdStore {
        EtcdStore::builder([self.url()]).build(Env::system()).expect("good options")
    }

    /// Kills it as power loss would.
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    /// Starts it again on the same data and ports.
    pub(super) fn restart(&mut self) {
        self.child = spawn(&self.arguments, self.dir.path());
    }

    /// Makes it hang.
    pub(super) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(super) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process has a number"), signal).expect("it gets the signal");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(arguments: &[OsString], dir: &Path) -> Child {
    let log = File::options().create(true).append(true).open(dir.join("log")).expect("a log");
    Command::new("etcd")
        .args(arguments)
        .stdout(log.try_clone().expect("another handle"))
        .stderr(log)
        .spawn()
        .expect("`etcd` starts")
}

/// Two ports that were free a moment ago.
fn free_ports() -> [u16; 2] {
    let bound = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    bound.map(|listener| listener.local_addr().expect("an address").port())
}

/// A store and what must live as long as it.
pub(super) struct Owned<S, W> {
    store: S,
    _with: W,
}

impl<S, W> std::fmt::Debug for Owned<S, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Owned")
    }
}

impl<S: Store, W: Send + Sync + 'static> Owned<S, W> {
    pub(super) fn boxed(store: S, with: W) -> Arc<dyn Store> {
        Arc::new(Self { store, _with: with })
    }
}

#[async_trait]
impl<S: Store, W: Send + Sync + 'static> Store for Owned<S, W> {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.store.range(range).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        self.store.txn(txn).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.store.watch(request).await
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        self.store.lease(op).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.store.compact(revision).await
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.store.status().await
    }
}
