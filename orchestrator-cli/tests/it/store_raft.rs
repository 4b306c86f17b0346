//! Three members on loopback: whatever happens to them, what was acknowledged is there.

use std::time::Duration;

use orchestrator::core::store::StoreError;
use orchestrator::core::{Env, StoreExt};
use orchestrator::store::Operator;
use orchestrator::store::operator::{AlarmOp, MemberChange};

use crate::disks::{Disk, full};
use crate::members::{Load, Member, all_hold, client, leader, put, started};

/// The members of most tests.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// How many writers there are.
const WRITERS: usize = 8;

/// How many writes happen before, during and after each disaster.
const WRITES: u64 = 150;

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_killed_one_after_the_other_lose_nothing() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut members = started(&NAMES, folder.path());
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::start(&store, &env, WRITERS);
    load.progress(WRITES).await;
    for round in 0..3 {
        let victim = match round {
            0 => leader(&members, &env).await,
            round => round,
        };
        members[victim].end("KILL");
        load.progress(WRITES).await;
        members[victim].start();
        load.progress(WRITES).await;
    }
    all_hold(&members, &load.stop().await, &env).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_members_killed_at_once_come_back_with_everything() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut members = started(&NAMES, folder.path());
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::start(&store, &env, WRITERS);
    load.progress(WRITES).await;
    members.iter().for_each(|member| member.signal("KILL"));
    members.iter_mut().for_each(Member::spawn);
    members.iter_mut().for_each(Member::ready);
    load.progress(WRITES).await;
    all_hold(&members, &load.stop().await, &env).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_frozen_and_wakes_up_again_answers_nothing_old() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let members = started(&NAMES, folder.path());
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::start(&store, &env, WRITERS);
    load.progress(WRITES).await;
    let frozen = leader(&members, &env).await;
    members[frozen].signal("STOP");
    load.progress(WRITES).await;
    let others: Vec<&Member> =
        members.iter().filter(|member| member.name != members[frozen].name).collect();
    put(&client(&others, &env), "fence", 10).await.unwrap();
    members[frozen].signal("CONT");
    // Whatever it answers now has to show what was acknowledged before it was asked.
    let woken = client(&[&members[frozen]], &env);
    let (_, fence) = woken.get("fence").await.unwrap();
    assert!(fence.is_some(), "it answers from the time when it led");
    load.progress(WRITES).await;
    all_hold(&members, &load.stop().await, &env).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_is_not_noticed_by_who_retries() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut members = started(&NAMES, folder.path());
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::start(&store, &env, WRITERS);
    for member in &mut members {
        load.progress(WRITES).await;
        member.end("TERM");
        member.start();
    }
    load.progress(WRITES).await;
    all_hold(&members, &load.stop().await, &env).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_disk_is_lost_is_replaced_by_a_new_one() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut members = started(&NAMES, folder.path());
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::start(&store, &env, WRITERS);
    load.progress(WRITES).await;
    members[2].end("KILL");
    std::fs::remove_dir_all(&members[2].folder).unwrap();
    let membership = store.members().await.unwrap();
    let lost = membership.members.iter().find(|member| member.name == "c").unwrap().id;
    let left = store.change_members(MemberChange::Remove(lost)).await.unwrap();
    assert_eq!(left.members.len(), 2);
    let new = Member::on_loopback("d", &folder.path().join("d"));
    let mut new = new.joining(&[&members[0], &members[1]]);
    new.start();
    members[2] = new;
    load.progress(WRITES).await;
    all_hold(&members, &load.stop().await, &env).await;
    let now = client(&[&members[0]], &env).members().await.unwrap();
    let voters: Vec<_> = now.members.iter().filter(|m| !m.learner).map(|m| &*m.name).collect();
    assert_eq!(voters.len(), 3, "{voters:?}");
    assert!(now.members.iter().all(|member| member.id != lost), "numbers are not used again");
    // The new one counts: the store goes on without one of the old ones.
    members[0].end("KILL");
    let others = client(&[&members[1], &members[2]], &env);
    let written = tokio::time::timeout(Duration::from_secs(30), async {
        while put(&others, "after", 10).await.is_err() {}
    });
    assert!(written.await.is_ok(), "two of three are a majority");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_members_go_on_without_any_two() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut members = started(&["a", "b", "c", "d", "e"], folder.path());
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::start(&store, &env, WRITERS);
    load.progress(WRITES).await;
    let first = leader(&members, &env).await;
    let second = (first + 1) % members.len();
    members[first].end("KILL");
    members[second].end("KILL");
    load.progress(WRITES).await;
    members[first].start();
    members[second].start();
    load.progress(WRITES).await;
    all_hold(&members, &load.stop().await, &env).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_disk_is_full_raises_the_alarm_and_goes_on_with_more_space() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let Some(disk) = Disk::mount(&folder.path().join("disk"), "260m") else { return };
    let mut members = Member::several(&NAMES, folder.path());
    members[2].folder = disk.folder().join("c");
    members.iter_mut().for_each(Member::spawn);
    members.iter_mut().for_each(Member::ready);
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::of_bytes(&store, &env, 4, 300_000);
    full(&*store, &env).await;
    let fates = load.stop().await;
    assert!(fates.acknowledged() > 0);
    assert!(matches!(put(&store, "load/more", 100).await, Err(StoreError::NoSpace)));
    fates.hold(&*store).await;
    // Cleared too early it comes back; with more space it stays away.
    disk.grow("1g");
    for alarm in store.alarm(AlarmOp::List).await.unwrap() {
        store.alarm(AlarmOp::Clear(alarm)).await.unwrap();
    }
    put(&store, "load/more", 100).await.unwrap();
    all_hold(&members, &fates, &env).await;
    assert!(store.alarm(AlarmOp::List).await.unwrap().is_empty());
}
