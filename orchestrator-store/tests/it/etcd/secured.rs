//! Passwords, tokens and certificates.

use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

use orchestrator_core::store::{KeyRange, Put, Revision, Store, StoreError, WatchRequest};
use orchestrator_core::{Env, StoreExt, Value};
use orchestrator_store::etcd::{EtcdStore, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

use super::process::{Etcd, is_there};

/// Runs `etcdctl` with `arguments`.
fn etcdctl(etcd: &Etcd, arguments: &[&str]) {
    let done = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .arg(format!("--endpoints={}", etcd.url()))
        .args(arguments)
        .output()
        .expect("`etcdctl` runs");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Users `root`, who may do all, and `shop`, who may do what it likes below `/shop/`.
fn with_users(etcd: &Etcd) {
    etcdctl(etcd, &["user", "add", "root:secret"]);
    etcdctl(etcd, &["user", "grant-role", "root", "root"]);
    etcdctl(etcd, &["role", "add", "shop"]);
    etcdctl(etcd, &["role", "grant-permission", "--prefix", "shop", "readwrite", "/shop/"]);
    etcdctl(etcd, &["user", "add", "shop:sesame"]);
    etcdctl(etcd, &["user", "grant-role", "shop", "shop"]);
    etcdctl(etcd, &["auth", "enable"]);
}

fn put(text: &str) -> Put {
    Put::new("web", Value::from_bytes(text.as_bytes().to_vec()))
}

#[tokio::test]
async fn a_password_opens_what_it_may_and_a_lost_token_is_fetched_again() {
    if !is_there() {
        return;
    }
    // A token is forgotten a second after its last use.
    let mut etcd = Etcd::start(&["--auth-token-ttl=1", "--bcrypt-cost=4"]);
    etcd.store().get("x").await.expect("it is up");
    with_users(&etcd);
    let url = etcd.url().to_owned();
    let as_user = |user: &str, password: &str| {
        let builder = EtcdStore::builder([&url]).login(user, password);
        builder.prefix("/shop/").build(Env::system()).expect("good options")
    };
    let store = as_user("shop", "sesame");
    store.put_at(put("1"), Revision::ZERO).await.expect("a write");
    let request = WatchRequest::new(KeyRange::prefix(""), Revision::new(2));
    let mut first = store.watch(request.clone()).await.expect("a watch");
    assert!(futures::StreamExt::next(&mut first).await.expect("an item").is_ok());
    Env::system().sleep(Duration::from_millis(2500)).await;
    assert!(store.get("web").await.expect("a read with a new token").1.is_some());
    let mut second = store.watch(request.clone()).await.expect("a watch on the old stream");
    assert!(futures::StreamExt::next(&mut second).await.expect("an item").is_ok());
    etcd.kill();
    etcd.restart();
    let (revision, _) = store.get("web").await.expect("a read after a restart");
    store.put_at(put("2"), revision).await.expect("a write after a restart");
    for watch in [&mut first, &mut second] {
        assert!(futures::StreamExt::next(watch).await.expect("an item").is_ok());
    }
    let wrong = as_user("shop", "open").get("web").await;
    assert!(matches!(wrong, Err(StoreError::Invalid(why)) if why.starts_with("authentication")));
    let outside = EtcdStore::builder([etcd.url()]).login("shop", "sesame").build(Env::system());
    let outside = outside.expect("good options");
    let denied = outside.get("web").await;
    assert!(matches!(denied, Err(StoreError::Invalid("permission denied"))), "{denied:?}");
    let denied = outside.watch(WatchRequest::new(KeyRange::prefix(""), Revision::new(2))).await;
    assert!(matches!(denied, Err(StoreError::Invalid("permission denied"))));
}

#[tokio::test]
async fn a_login_where_none_is_wanted_does_no_harm() {
    if !is_there() {
        return;
    }
    let etcd = Etcd::start(&["--bcrypt-cost=4"]);
    let builder = EtcdStore::builder([etcd.url()]).login("root", "secret");
    let store = builder.build(Env::system()).expect("good options");
    store.get("x").await.expect("a read");
    with_users(&etcd);
    store.get("x").await.expect("a read once it is wanted");
}

/// A certificate for `usages`, and its key.
fn signed(
    issuer: &CertifiedIssuer<'_, KeyPair>,
    usages: &[ExtendedKeyUsagePurpose],
) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    params.extended_key_usages = usages.to_vec();
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an issuer")
}

#[tokio::test]
async fn certificates_are_shown_and_checked() {
    if !is_there() {
        return;
    }
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let issuer = authority();
    let (server, server_key) = signed(&issuer, &[ServerAuth, ClientAuth]);
    let (client, client_key) = signed(&issuer, &[ClientAuth]);
    let etcd = Etcd::start_with("https", |dir| {
        let files = [("ca", issuer.pem()), ("cert", server), ("key", server_key)];
        for (name, pem) in &files {
            std::fs::write(dir.join(name), pem).expect("a file");
        }
        let path = |flag: &str, name: &str| {
            OsString::from(format!("--{flag}={}", dir.join(name).display()))
        };
        vec![
            path("trusted-ca-file", "ca"),
            path("cert-file", "cert"),
            path("key-file", "key"),
            "--client-cert-auth".into(),
        ]
    });
    assert!(etcd.dir().join("ca").exists());
    let over = |tls: Tls| {
        let builder = EtcdStore::builder([etcd.url()]).tls(tls);
        builder.request_timeout(Duration::from_secs(5)).build(Env::system()).expect("good options")
    };
    let known = over(Tls::new(issuer.pem()).client(client.clone(), client_key.clone()));
    known.put_at(put("1"), Revision::ZERO).await.expect("a write");
    let mut watch = known
        .watch(WatchRequest::new(KeyRange::prefix(""), Revision::new(2)))
        .await
        .expect("a watch");
    assert!(futures::StreamExt::next(&mut watch).await.expect("an item").is_ok());
    let brief = |tls: Tls| {
        let builder = EtcdStore::builder([etcd.url()]).tls(tls);
        builder.request_timeout(Duration::from_millis(500)).build(Env::system()).expect("options")
    };
    let stranger = brief(Tls::new(issuer.pem())).get("web").await;
    assert!(matches!(stranger, Err(StoreError::Unavailable(_))), "{stranger:?}");
    let untrusted = brief(Tls::new(authority().pem()).client(client, client_key)).get("web").await;
    assert!(matches!(untrusted, Err(StoreError::Unavailable(_))), "{untrusted:?}");
}
