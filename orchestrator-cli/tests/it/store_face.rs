//! `orchestrator etcd` over TLS, and programs that wait for other members and are told to end.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use orchestrator::core::store::Put;
use orchestrator::core::{Env, Revision, StoreExt, Value};
use orchestrator::store::etcd::{EtcdStore, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::members::free_port;
use crate::server::lines;

/// How long a program may take to be ready on a machine that is busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A program that is killed when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    fn start(arguments: &[&str], folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
        command.current_dir(folder).args(arguments).stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }
}

/// Writes an authority, and a certificate of it with its key, into `folder`.
fn certificates(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let (key, names) = (KeyPair::generate().unwrap(), vec!["127.0.0.1".to_owned()]);
    let chain = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let texts = [("ca", authority.pem()), ("cert", chain.pem()), ("key", key.serialize_pem())];
    texts.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_served_over_tls_to_clients_with_a_certificate_only() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    certificates(at);
    let files = ["--etcd-tls-cert", "cert", "--etcd-tls-key", "key", "--etcd-client-ca", "ca"];
    let serve = ["etcd", "--store", "memory", "--listen", "127.0.0.1:0"];
    let mut program = Program::start(&[&serve[..], &files].concat(), at);
    let told = lines(program.0.stdout.take().unwrap()).recv_timeout(READY_WITHIN).unwrap();
    let url = told.strip_prefix("ready ").unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{told}");

    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    let store = |tls| {
        let builder = EtcdStore::builder([url]).tls(tls).request_timeout(Duration::from_secs(2));
        builder.build(Env::system()).unwrap()
    };
    let known = store(Tls::new(read("ca")).client(read("cert"), read("key")));
    known.put_at(Put::new("a", Value::from_bytes("1")), Revision::ZERO).await.unwrap();
    assert!(known.get("a").await.unwrap().1.is_some());
    store(Tls::new(read("ca"))).get("a").await.unwrap_err();

    let wrong = ["etcd", "--etcd-tls-cert", "key", "--etcd-tls-key", "cert"];
    assert!(!Program::start(&wrong, at).0.wait().unwrap().success());
}

#[test]
fn who_waits_for_other_members_ends_when_told_to() {
    for command in ["etcd", "server", "up"] {
        let folder = tempfile::tempdir().unwrap();
        let [peer, other] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let members = format!("a=http://{peer},b=http://{other}");
        let raft = ["--store", "raft", "--member-name", "a", "--peer-listen", &peer];
        let arguments = [&[command], &raft[..], &["--member", &members]].concat();
        let mut program = Program::start(&arguments, folder.path());
        while TcpStream::connect(&peer).is_err() {
            assert!(program.0.try_wait().unwrap().is_none(), "{command} ended");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let pid = program.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        assert!(program.0.wait().unwrap().success(), "{command} was killed");
    }
}
