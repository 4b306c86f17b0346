//! `orchestrator store ...` on stores that run and stores that do not.

use std::path::Path;
use std::process::{Command, Output};

use orchestrator::core::store::{KeyRange, LeaseOp, Op, Put, Revision, Txn};
use orchestrator::core::{Env, Store, StoreExt, Value};
use serde_json::Value as Json;

use crate::members::{Member, client};

/// Runs `orchestrator store` in `folder`.
fn tool(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command.current_dir(folder).arg("store").args(arguments).output().unwrap()
}

#[track_caller]
fn works(output: Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn refuses(output: Output, why: &str) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains(why), "{why:?} is not in {text}");
}

/// Fills a store with 1,500 keys, a tenth of them on a lease.
async fn fill(store: &dyn Store) {
    let ttl = std::time::Duration::from_secs(3600);
    store.lease(LeaseOp::Grant { id: 42, ttl }).await.unwrap();
    for first in (0..1500).step_by(100) {
        let put = |n: usize| Put {
            lease: Some(if n.is_multiple_of(10) { 42 } else { 0 }),
            ..Put::new(format!("key/{n:05}"), Value::from_bytes(format!("value {n}")))
        };
        let then = (first..first + 100).map(|n| Op::Put(put(n))).collect();
        store.txn(Txn { then, ..Txn::default() }).await.unwrap();
    }
}

async fn count(store: &dyn Store) -> u64 {
    store.count(KeyRange::prefix("key/")).await.unwrap()
}

fn status(folder: &Path, store: &str) -> Json {
    serde_json::from_str(&works(tool(folder, &["status", store, "--json"]))).unwrap()
}

/// Three members, each made of the snapshot where it will run, are one store that holds it.
async fn members_begin_with(at: &Path, snapshot: &str) {
    let mut members = Member::several(&["x", "y", "z"], &at.join("several"));
    let founding: Vec<_> =
        members.iter().map(|m| format!("--member={}=http://{}", m.name, m.peer)).collect();
    for member in &members {
        let to = format!("raft:{}", member.folder.join("store").display());
        let mut words = vec!["restore", snapshot, "--to", &to, "--member-name", &member.name];
        words.extend(founding.iter().map(String::as_str));
        assert!(works(tool(at, &words)).contains("start it"));
    }
    members.iter_mut().for_each(Member::spawn);
    members.iter_mut().for_each(Member::ready);
    for member in &members {
        let store = client(&[member], &Env::system());
        assert_eq!(count(&*store).await, 1500);
        assert_eq!(store.lease(LeaseOp::Describe(42)).await.unwrap()[0].keys.len(), 150);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_a_running_store_becomes_a_store_with_the_same_revisions() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let mut member = Member::alone(&at.join("first"));
    member.start();
    let store = client(&[&member], &env);
    fill(&*store).await;
    let revision = store.status().await.unwrap().revision;
    let url = format!("etcd://{}", member.client);
    assert!(works(tool(at, &["status", &url])).contains("leader"));
    refuses(tool(at, &["status", "durable:first/store"]), "in use");
    works(tool(at, &["snapshot", "--from", &url, "snap"]));
    refuses(tool(at, &["snapshot", "--from", &url, "snap"]), "is there already");
    member.end("TERM");
    works(tool(at, &["snapshot", "--from", "durable:first/store", "files"]));

    for snapshot in ["snap", "files"] {
        let data = format!("data-{snapshot}");
        let target = format!("durable:{data}/store");
        works(tool(at, &["restore", snapshot, "--to", &target]));
        refuses(tool(at, &["restore", snapshot, "--to", &target]), "--force");
        works(tool(at, &["restore", snapshot, "--to", &target, "--force"]));
        assert!(at.join(&data).join("store.old").is_dir());
        assert_eq!(status(at, &target)["keys"], 1500);
        let mut restored = Member::alone(&at.join(&data));
        restored.start();
        let store = client(&[&restored], &env);
        assert_eq!(count(&*store).await, 1500);
        let newest = store.status().await.unwrap().revision;
        if snapshot == "files" {
            assert!(newest >= revision, "{newest} is before {revision}");
        }
        let lease = store.lease(LeaseOp::Describe(42)).await.unwrap().remove(0);
        assert_eq!(lease.keys.len(), 150);
    }
    members_begin_with(at, "snap").await;
    let text = std::fs::read(at.join("snap")).unwrap();
    std::fs::write(at.join("cut"), &text[..text.len() - 100]).unwrap();
    refuses(tool(at, &["restore", "cut", "--to", "durable:none/store"]), "snapshot");
    assert!(!at.join("none").exists(), "nothing is begun with a broken file");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_migrate_from_engine_to_engine_and_arrive_as_they_were() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let mut from = Member::alone(&at.join("from"));
    from.start();
    fill(&*client(&[&from], &env)).await;
    from.end("TERM");
    let mut to = Member::alone(&at.join("to"));
    to.start();
    let url = format!("etcd://{}", to.client);
    let told = works(tool(at, &["migrate", "--from", "durable:from/store", "--to", &url]));
    assert!(told.contains("1500") && told.contains("revisions"), "{told}");
    let store = client(&[&to], &env);
    assert_eq!(count(&*store).await, 1500);
    let (_, kv) = store.get("key/00700").await.unwrap();
    assert_eq!(&kv.as_ref().unwrap().value.bytes()[..], b"value 700");
    assert_eq!(kv.unwrap().lease, 42);
    let again = tool(at, &["migrate", "--from", "durable:from/store", "--to", &url]);
    refuses(again, "--force");
    works(tool(at, &["migrate", "--from", "durable:from/store", "--to", &url, "--force"]));
    assert_eq!(count(&*store).await, 1500);

    // Files are written with the revisions of the source, from which others write on.
    let newest = store.status().await.unwrap().revision;
    let (_, kept) = store.get("key/00700").await.unwrap();
    let told = works(tool(at, &["migrate", "--from", &url, "--to", "durable:back/store"]));
    assert!(told.contains(&format!("revision {newest},")), "{told}");
    refuses(tool(at, &["migrate", "--from", &url, "--to", "durable:back/store"]), "--force");
    let mut back = Member::alone(&at.join("back"));
    back.start();
    let moved = client(&[&back], &env);
    assert_eq!(moved.get("key/00700").await.unwrap().1, kept);
    assert!(moved.status().await.unwrap().revision >= newest);

    works(tool(at, &["compact", &url]));
    let old = Revision::new(newest.get() - 5);
    assert!(store.list(KeyRange::prefix("key/"), old, 1).await.is_err());
    refuses(tool(at, &["compact", &url, "--revision", "99999999"]), "future");
}

#[test]
fn what_is_no_store_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    refuses(tool(at, &["status", "durable:nowhere"]), "there is no store in nowhere");
    assert!(!at.join("nowhere").exists(), "looking makes nothing");
    refuses(tool(at, &["status", "zookeeper://x"]), "must begin with");
    refuses(tool(at, &["compact", "raft:/x"]), "etcd://");
    let same = ["migrate", "--from", "durable:x", "--to", "durable:x"];
    refuses(tool(at, &same), "the same store");
}
