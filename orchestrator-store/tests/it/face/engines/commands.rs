//! `etcdctl` does the same over every engine.

use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_store::etcd::EtcdStore;
use orchestrator_store::face::Options;

use super::members::Members;
use crate::face::ctl::Ctl;
use crate::face::real::RealEtcd;
use crate::face::served::Served;

/// Commands one after the other, and what each prints; ids of leases are written `LEASE`.
const COMMANDS: [(&str, &str); 15] = [
    ("put a 1", "OK\n"),
    ("put a 2 --prev-kv", "OK\na\n1\n"),
    ("get a --consistency=s", "a\n2\n"),
    ("put b 3 --lease LEASE", "OK\n"),
    ("get --prefix  --sort-by CREATE --order DESCEND", "b\n3\na\n2\n"),
    ("lease list", "found 1 leases\nLEASE\n"),
    ("lease keep-alive --once LEASE", "lease LEASE keepalived with TTL(300)\n"),
    ("del a --prev-kv", "1\na\n2\n"),
    ("get a", ""),
    ("lease revoke LEASE", "lease LEASE revoked\n"),
    ("get --prefix ", ""),
    ("put c 4", "OK\n"),
    ("alarm list", ""),
    ("lock held echo taken", "taken\n"),
    ("get c --print-value-only", "4\n"),
];

async fn commands_work(ctl: &Ctl) {
    let granted = ctl.ok("lease grant 300").await;
    let lease = granted.split(' ').nth(1).unwrap();
    for (words, printed) in COMMANDS {
        let words = words.replace("LEASE", lease);
        assert_eq!(ctl.ok(&words).await, printed.replace("LEASE", lease), "etcdctl {words}");
    }
    let (_watch, mut lines) = ctl.start("watch --prefix w/ --rev 1 --prev-kv");
    for words in ["put w/a 1", "put w/a 2", "del w/a"] {
        ctl.ok(words).await;
    }
    let seen = "PUT w/a 1 PUT w/a 1 w/a 2 DELETE w/a 2 w/a ";
    for wanted in seen.split(' ') {
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(wanted));
    }
    let revision = ctl.ok("get c -w fields").await;
    let revision = revision.lines().find_map(|line| line.strip_prefix("\"Revision\" : ")).unwrap();
    let compacted = ctl.ok(&format!("compaction {revision}")).await;
    assert_eq!(compacted, format!("compacted revision {revision}\n"));
    let complaint = ctl.fails("get c --rev 1").await;
    assert!(complaint.contains("mvcc: required revision has been compacted"), "{complaint}");
    let health = ctl.run("endpoint health", "").await;
    assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));
    let txn = "version(\"c\") = \"1\"\n\nput c 5\nget c\n\nget c\n\n";
    let done = ctl.run("txn", txn).await;
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "SUCCESS\n\nOK\n\nc\n5\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_work_over_members_that_agree() {
    let env = Env::system();
    let mut members = Members::start(&env).await;
    let follower = members.place(false).await;
    let member = members.members.swap_remove(follower);
    let Some(ctl) = Ctl::of(member.served) else { return };
    commands_work(&ctl).await;
    let listed = ctl.ok("member list").await;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.contains("2, started, m2, http://127.0.0.1:"), "{listed}");
    let status = ctl.ok("endpoint status").await;
    assert!(status.contains(", false, false, "), "a follower that votes: {status}");
    let id = member.store.id();
    let complaint = ctl.fails(&format!("move-leader {id}")).await;
    assert!(complaint.contains("no leader endpoint"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_work_over_a_real_etcd_behind_the_adapter() {
    let env = Env::system();
    let Some(real) = RealEtcd::start(&env).await else { return };
    let store = EtcdStore::builder([format!("http://{}", real.address)]).build(env.clone());
    let served = Served::start(&env, Arc::new(store.unwrap()), Options::new()).await;
    let Some(ctl) = Ctl::of(served) else { return };
    commands_work(&ctl).await;
    assert!(ctl.ok("member list").await.contains(", started, default, http://"));
    assert!(ctl.ok("endpoint status").await.contains(", true, false, "), "it leads");
}
