//! Members that come and go by `orchestrator store member`, under load.

use std::path::Path;
use std::process::{Command, Output};

use orchestrator::core::Env;

use crate::members::{Load, Member, all_hold, client, leader, started};

/// How many writes happen between two changes.
const WRITES: u64 = 100;

/// Runs `orchestrator store member`; the store is named after the verb.
fn member(store: &[Member], verb: &str, rest: &[&str]) -> Output {
    let hosts: Vec<&str> = store.iter().map(|member| &*member.client).collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command.args(["store", "member", verb]).arg(format!("etcd://{}", hosts.join(",")));
    command.args(rest).output().unwrap()
}

/// The row of the member `name` in what a command prints that must work.
#[track_caller]
fn row(output: &Output, name: &str) -> Option<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let text = text(&output.stdout);
    let row = text.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
    row.map(str::to_owned)
}

#[track_caller]
fn refuses(output: &Output, why: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(why), "{why:?} is not in {text}");
}

fn joining(name: &str, folder: &Path, others: &[Member]) -> Member {
    let others: Vec<&Member> = others.iter().collect();
    Member::on_loopback(name, &folder.join(name)).joining(&others)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_is_promoted_leads_and_is_removed_by_commands_under_load() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut members = started(&["a", "b", "c"], folder.path());
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::start(&store, &env, 8);
    load.progress(WRITES).await;
    let mut new = joining("d", folder.path(), &members).learning();
    new.start();
    let listed = row(&member(&members, "list", &[]), "d").expect("it is there");
    assert!(listed.contains("learner"), "{listed}");
    load.progress(WRITES).await;
    refuses(&member(&members, "lead", &["d"]), "bad leader transferee");
    let promoted = row(&member(&members, "promote", &["d"]), "d").unwrap();
    assert!(promoted.contains("voter"), "{promoted}");
    load.progress(WRITES).await;
    let leads = row(&member(&members, "lead", &["d"]), "d").unwrap();
    assert!(leads.contains("leader"), "{leads}");
    load.progress(WRITES).await;
    members.push(new);
    assert_eq!(leader(&members, &env).await, 3);
    // The leader itself goes; another takes over.
    let left = member(&members[..3], "remove", &["d"]);
    assert_eq!(row(&left, "d"), None);
    members.pop();
    load.progress(WRITES).await;
    refuses(&member(&members, "remove", &["d"]), "no member is called");
    all_hold(&members, &load.stop().await, &env).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_members_become_five_and_three_others_under_load() {
    let (env, folder) = (Env::system(), tempfile::tempdir().unwrap());
    let mut members = started(&["a", "b", "c"], folder.path());
    let store = client(&members.iter().collect::<Vec<_>>(), &env);
    let load = Load::start(&store, &env, 8);
    for name in ["d", "e"] {
        load.progress(WRITES).await;
        let mut new = joining(name, folder.path(), &members);
        new.start();
        members.push(new);
    }
    for name in ["a", "b"] {
        load.progress(WRITES).await;
        assert_eq!(row(&member(&members[1..], "remove", &[name]), name), None);
        members[0].end("KILL");
        members.remove(0);
    }
    let fates = load.stop().await;
    all_hold(&members, &fates, &env).await;
}
