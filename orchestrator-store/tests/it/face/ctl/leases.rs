//! lease, lock, elect.

use super::runner::Ctl;

#[tokio::test]
async fn leases_are_granted_kept_told_and_revoked() {
    let Some(ctl) = Ctl::memory().await else { return };
    let granted = ctl.ok("lease grant 100").await;
    let id = granted.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(granted, format!("lease {id} granted with TTL(100s)\n"));
    assert_eq!(ctl.ok(&format!("put --lease {id} a 1")).await, "OK\n");
    let told = ctl.ok(&format!("lease timetolive {id} --keys")).await;
    assert!(told.starts_with(&format!("lease {id} granted with TTL(100s), remaining(")), "{told}");
    assert!(told.ends_with("attached keys([a])\n"), "{told}");
    let kept = ctl.ok(&format!("lease keep-alive --once {id}")).await;
    assert_eq!(kept, format!("lease {id} keepalived with TTL(100)\n"));
    assert_eq!(ctl.ok("lease list").await, format!("found 1 leases\n{id}\n"));
    assert_eq!(ctl.ok(&format!("lease revoke {id}")).await, format!("lease {id} revoked\n"));
    assert_eq!(ctl.ok("get a").await, "");
    let gone = ctl.ok(&format!("lease timetolive {id}")).await;
    assert_eq!(gone, format!("lease {id} already expired\n"));
    assert!(ctl.ok("lease grant 1").await.ends_with("granted with TTL(2s)\n"), "the least TTL");
}

#[tokio::test]
async fn a_lock_is_held_by_one_and_passes_to_the_next() {
    let Some(ctl) = Ctl::memory().await else { return };
    let (mut holder, mut lines) = ctl.start("lock work");
    let key = lines.next_line().await.unwrap().expect("the lock is taken");
    assert!(key.starts_with("work/"), "{key}");
    let (mut next, mut next_lines) = ctl.start("lock work echo taken");
    assert_eq!(ctl.ok("get work --prefix --keys-only --limit 1").await, format!("{key}\n\n"));
    // An interrupted holder gives the lock back.
    let pid = holder.id().expect("it runs");
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(next_lines.next_line().await.unwrap().as_deref(), Some("taken"));
    assert!(next.wait().await.unwrap().success());
    let _ = holder.wait().await;
    assert_eq!(ctl.ok("get work --prefix").await, "");
}

#[tokio::test]
async fn an_election_has_one_leader_whom_others_see() {
    let Some(ctl) = Ctl::memory().await else { return };
    let (_candidate, mut lines) = ctl.start("elect chair alice");
    let key = lines.next_line().await.unwrap().expect("there is a leader");
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("alice"));
    let (_observer, mut seen) = ctl.start("elect chair -l");
    assert_eq!(seen.next_line().await.unwrap(), Some(key));
    assert_eq!(seen.next_line().await.unwrap().as_deref(), Some("alice"));
}
