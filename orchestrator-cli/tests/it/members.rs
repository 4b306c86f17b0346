//! Running stores without Kubernetes: `orchestrator etcd`, one process or several, and clients that
//! write to them all the while and know what they were promised.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use orchestrator::core::env::Task;
use orchestrator::core::store::{KeyRange, Op, Put, Revision, StoreError, Txn};
use orchestrator::core::{Env, Store, StoreExt, Value};
use orchestrator::store::Operator;
use orchestrator::store::etcd::EtcdStore;

use crate::server::lines;

/// How long a member may take to be ready on a machine that is busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long anything that must come to an end may take.
pub const SOON: Duration = Duration::from_secs(60);

/// A member of a store; dropping it kills the process.
pub struct Member {
    pub name: String,
    pub client: String,
    pub peer: String,
    pub folder: PathBuf,
    arguments: Vec<String>,
    /// Where it serves Kubernetes' API too, if it does.
    api: Option<String>,
    /// Words before the program, as in `ip netns exec NAME`.
    within: Vec<String>,
    child: Option<Child>,
}

/// A port that nobody uses at this moment. It is below those that the system gives to outgoing
/// connections, one of which could have it before the process that is told it.
pub fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 17_000;
    static ASKED: AtomicU16 = AtomicU16::new(0);
    // Tests are processes: each begins elsewhere.
    let begin = std::process::id().wrapping_mul(31) as u16;
    loop {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + begin.wrapping_add(asked) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Member {
    /// A store of one, with its files in `folder`; not started yet.
    pub fn alone(folder: &Path) -> Self {
        Self::new("a", folder, &format!("127.0.0.1:{}", free_port()), "")
    }

    /// A member that clients reach at `client` and members at `peer`.
    pub fn new(name: &str, folder: &Path, client: &str, peer: &str) -> Self {
        Self {
            name: name.into(),
            client: client.into(),
            peer: peer.into(),
            folder: folder.into(),
            arguments: Vec::new(),
            api: None,
            within: Vec::new(),
            child: None,
        }
    }

    /// Members of a store on loopback, each with its files below `folder`.
    pub fn several(names: &[&str], folder: &Path) -> Vec<Self> {
        let one = |name: &&str| Self::on_loopback(name, &folder.join(name));
        let mut members: Vec<_> = names.iter().map(one).collect();
        Self::found(&mut members);
        members
    }

    /// A member that is reached on free ports of this machine.
    pub fn on_loopback(name: &str, folder: &Path) -> Self {
        let address = || format!("127.0.0.1:{}", free_port());
        Self::new(name, folder, &address(), &address())
    }

    /// Tells all members of each other, as those that a store begins with.
    pub fn found(members: &mut [Self]) {
        let all: Vec<String> =
            members.iter().map(|m| format!("--member={}=http://{}", m.name, m.peer)).collect();
        for member in members {
            member.arguments = member.of_several();
            member.arguments.extend(all.iter().cloned());
        }
    }

    /// Makes this one join the store of `others`.
    pub fn joining(mut self, others: &[&Self]) -> Self {
        self.arguments = self.of_several();
        self.arguments.extend(others.iter().map(|m| format!("--join=http://{}", m.peer)));
        self
    }

    /// Makes this one a learner.
    pub fn learning(mut self) -> Self {
        self.arguments.push("--learner".into());
        self
    }

    /// Makes this one an API server too.
    pub fn with_api(mut self) -> Self {
        self.api = Some(format!("127.0.0.1:{}", free_port()));
        self
    }

    fn of_several(&self) -> Vec<String> {
        let listen = format!("--peer-listen={}", self.peer);
        vec!["--store=raft".into(), format!("--member-name={}", self.name), listen]
    }

    /// Runs the program behind these words.
    pub fn within(mut self, words: &[&str]) -> Self {
        self.within = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Starts the process, and waits until it serves.
    pub fn start(&mut self) {
        self.spawn();
        self.ready();
    }

    /// Starts the process, after the end of the one before it.
    pub fn spawn(&mut self) {
        if let Some(mut before) = self.child.take() {
            before.wait().unwrap();
        }
        let program = env!("CARGO_BIN_EXE_orchestrator").to_owned();
        let words: Vec<&String> = self.within.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        match &self.api {
            None => command.arg("etcd").arg("--listen").arg(&self.client),
            Some(bind) => {
                command.args(["server", "--parts", "apiserver", "--bind", bind]);
                command.arg("--etcd-listen").arg(&self.client)
            }
        };
        command.arg("--data-dir").arg(&self.folder).args(&self.arguments);
        self.child = Some(command.stdout(Stdio::piped()).spawn().unwrap());
    }

    /// Waits until the process serves.
    pub fn ready(&mut self) {
        let child = self.child.as_mut().expect("the member is started");
        let lines = lines(child.stdout.take().expect("nobody waited before"));
        let first = lines.recv_timeout(READY_WITHIN).expect("the member says that it is ready");
        assert!(first.starts_with("ready "), "{first}");
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("the member is started");
        // `ip netns exec` and the like become the program: the id stays the same.
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(sent.unwrap().success(), "signal {signal} to {}", self.name);
    }

    /// Sends a signal that ends the process, and waits for its end.
    pub fn end(&mut self, signal: &str) {
        self.signal(signal);
        self.child.take().expect("the member is started").wait().unwrap();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts members on loopback, which wait for each other.
pub fn started(names: &[&str], folder: &Path) -> Vec<Member> {
    let mut members = Member::several(names, folder);
    members.iter_mut().for_each(Member::spawn);
    members.iter_mut().for_each(Member::ready);
    members
}

/// The store as each member shows it holds what was acknowledged.
pub async fn all_hold(members: &[Member], fates: &Fates, env: &Env) {
    for member in members {
        fates.hold(&*client(&[member], env)).await;
    }
}

/// The index of the member that leads.
pub async fn leader(members: &[Member], env: &Env) -> usize {
    let all: Vec<&Member> = members.iter().collect();
    let membership = client(&all, env).members().await.expect("a majority answers");
    let leader = membership.leader.expect("somebody leads");
    let member = membership.members.iter().find(|member| member.id == leader);
    let name = &member.expect("the leader is a member").name;
    members.iter().position(|member| member.name == *name).expect("it is one of ours")
}

/// A client of these members.
pub fn client(members: &[&Member], env: &Env) -> Arc<EtcdStore> {
    let endpoints = members.iter().map(|member| format!("http://{}", member.client));
    let builder = EtcdStore::builder(endpoints).request_timeout(Duration::from_secs(8));
    Arc::new(builder.build(env.clone()).expect("the endpoints are addresses"))
}

/// Writers that put keys, each its own and none twice, and note what became of each.
pub struct Load {
    writers: Vec<Task<Fates>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    env: Env,
}

/// What the writers were told of each key.
#[derive(Debug, Default)]
pub struct Fates {
    /// It is written, in this revision.
    acknowledged: BTreeMap<String, Revision>,
    /// It is not.
    refused: Vec<String>,
}

impl Load {
    /// Starts `count` writers.
    pub fn start(store: &Arc<EtcdStore>, env: &Env, count: usize) -> Self {
        Self::of_bytes(store, env, count, 100)
    }

    /// Starts `count` writers of values of so many bytes.
    pub fn of_bytes(store: &Arc<EtcdStore>, env: &Env, count: usize, bytes: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let run = env.uid();
        let writer = |n| {
            let (store, stop, counter) = (Arc::clone(store), stop.clone(), acknowledged.clone());
            let (env, prefix) = (env.clone(), format!("load/{run}/{n}"));
            async move {
                let mut fates = Fates::default();
                for key in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let key = format!("{prefix}/{key:08}");
                    match put(&store, &key, bytes).await {
                        Ok(revision) => {
                            fates.acknowledged.insert(key, revision);
                            counter.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(StoreError::Unknown(_)) => {}
                        Err(_) => {
                            fates.refused.push(key);
                            env.sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
                fates
            }
        };
        let writers = (0..count).map(|n| env.spawn("writer", writer(n))).collect();
        Self { writers, stop, acknowledged, env: env.clone() }
    }

    /// Waits until `more` further writes are acknowledged.
    pub async fn progress(&self, more: u64) {
        let wanted = self.acknowledged.load(Ordering::Relaxed) + more;
        let reached = async {
            while self.acknowledged.load(Ordering::Relaxed) < wanted {
                self.env.sleep(Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(SOON, reached).await;
        assert!(reached.is_ok(), "writes go on: {more} more of {wanted}");
    }

    /// Stops the writers, and returns what they were told.
    pub async fn stop(self) -> Fates {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Fates::default();
        for writer in self.writers {
            let fates = writer.await.expect("a writer does not panic");
            all.acknowledged.extend(fates.acknowledged);
            all.refused.extend(fates.refused);
        }
        all
    }
}

/// Puts a key whose value is its own name, filled up.
pub async fn put(store: &EtcdStore, key: &str, bytes: usize) -> Result<Revision, StoreError> {
    let mut value = key.to_owned().into_bytes();
    value.resize(bytes.max(key.len()), b' ');
    let value = Value::from_bytes(value);
    let put = Op::Put(Put::new(key.to_owned(), value));
    let done = store.txn(Txn { then: vec![put], ..Txn::default() }).await?;
    Ok(done.revision)
}

impl Fates {
    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// What was acknowledged is there, in the revision that was told, and what was refused is not.
    pub async fn hold(&self, store: &dyn Store) {
        let found = read(store).await;
        let missing: Vec<_> =
            self.acknowledged.iter().filter(|(key, at)| found.get(*key) != Some(at)).collect();
        assert!(missing.is_empty(), "acknowledged, yet missing or moved: {missing:?}");
        let there: Vec<_> = self.refused.iter().filter(|key| found.contains_key(*key)).collect();
        assert!(there.is_empty(), "refused, yet there: {there:?}");
        let mut revisions: Vec<_> = self.acknowledged.values().collect();
        revisions.sort_unstable();
        revisions.dedup();
        assert_eq!(revisions.len(), self.acknowledged.len(), "no revision is given out twice");
    }
}

/// All keys of the load with their revisions, once the store answers.
async fn read(store: &dyn Store) -> BTreeMap<String, Revision> {
    let listed = tokio::time::timeout(SOON, async {
        loop {
            match store.list(KeyRange::prefix("load/"), Revision::ZERO, 0).await {
                Ok(listed) => break listed,
                Err(error) => eprintln!("not yet: {error}"),
            }
        }
    });
    let listed = listed.await.expect("the store answers again");
    let name = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
    listed.kvs.iter().map(|kv| (name(kv.key.as_bytes()), kv.mod_revision)).collect()
}
