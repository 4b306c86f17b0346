//! The durable engine in a process that is killed, and on a disk that is full.

use std::process::Command;

use orchestrator::core::store::{KeyRange, Op, StoreError, Txn};
use orchestrator::core::{Env, Store, StoreExt};
use orchestrator::store::Operator;
use orchestrator::store::operator::AlarmOp;

use crate::disks::{Disk, full};
use crate::members::{Load, Member, client, put};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_killed_again_and_again_keeps_what_it_acknowledged() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut member = Member::alone(folder.path());
    member.start();
    let store = client(&[&member], &env);
    let load = Load::start(&store, &env, 8);
    for _ in 0..5 {
        load.progress(200).await;
        member.end("KILL");
        member.start();
    }
    load.progress(200).await;
    load.stop().await.hold(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut member = Member::alone(folder.path());
    member.start();
    let second = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
        .args(["etcd", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && error.contains("in use"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_loses_none() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let Some(disk) = Disk::mount(&folder.path().join("disk"), "300m") else { return };
    let mut member = Member::alone(disk.folder());
    member.start();
    let store = client(&[&member], &env);
    let load = Load::of_bytes(&store, &env, 8, 200_000);
    full(&*store, &env).await;
    let fates = load.stop().await;
    assert!(fates.acknowledged() > 0);
    assert!(matches!(put(&store, "load/more", 100_000).await, Err(StoreError::NoSpace)));
    fates.hold(&*store).await;
    // A process that ends here begins again here.
    member.end("KILL");
    member.start();
    fates.hold(&*store).await;
    // With more space, and the alarm cleared, writes go on.
    disk.grow("600m");
    for alarm in store.alarm(AlarmOp::List).await.unwrap() {
        store.alarm(AlarmOp::Clear(alarm)).await.unwrap();
    }
    put(&store, "load/more", 100_000).await.unwrap();
    // Deletions are taken.
    let gone = Op::Delete(KeyRange::key("load/more"));
    store.txn(Txn { then: vec![gone], ..Txn::default() }).await.unwrap();
    assert!(store.get("load/more").await.unwrap().1.is_none());
}
