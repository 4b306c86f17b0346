//! get, put, del, txn, compaction, watch.

use super::runner::Ctl;

#[tokio::test]
async fn keys_are_written_read_and_deleted() {
    let Some(ctl) = Ctl::memory().await else { return };
    let cases = [
        ("put a 1", "OK\n"),
        ("get a", "a\n1\n"),
        ("put a 2 --prev-kv", "OK\na\n1\n"),
        ("get a --rev 2", "a\n1\n"),
        ("put b 3", "OK\n"),
        ("put a --ignore-value", "OK\n"),
        ("get a b --print-value-only", "2\n"),
        ("get --prefix  --keys-only", "a\n\nb\n\n"),
        ("get --from-key b", "b\n3\n"),
        ("get --prefix  --sort-by MODIFY --order DESCEND --limit 1", "a\n2\n"),
        ("get --prefix  --sort-by VALUE --order DESCEND --limit 1", "b\n3\n"),
        ("get missing", ""),
        ("del a --prev-kv", "1\na\n2\n"),
        ("del --prefix x", "0\n"),
        ("compaction 5", "compacted revision 5\n"),
    ];
    for (words, printed) in cases {
        assert_eq!(ctl.ok(words).await, printed, "etcdctl {words}");
    }
    let counted = ctl.ok("get --prefix  --limit 1 -w fields").await;
    assert!(counted.contains("\"Count\" : 1\n"), "{counted}");
    assert!(counted.contains("\"Revision\" : 6\n"), "{counted}");
}

#[tokio::test]
async fn refusals_are_those_of_etcd() {
    let Some(ctl) = Ctl::memory().await else { return };
    for value in ["1", "2", "3"] {
        ctl.ok(&format!("put a {value}")).await;
    }
    ctl.ok("compaction 3").await;
    let cases = [
        ("get a --rev 2", "mvcc: required revision has been compacted"),
        ("get a --rev 9", "mvcc: required revision is a future revision"),
        ("compaction 3", "mvcc: required revision has been compacted"),
        ("compaction 99", "mvcc: required revision is a future revision"),
        ("put b --ignore-value", "key not found"),
        ("put b 1 --lease 77", "requested lease not found"),
        ("lease revoke 77", "requested lease not found"),
        ("lease grant 9000000001", "too large lease TTL"),
        ("user list", "authentication is not enabled"),
        ("role list", "authentication is not enabled"),
        ("auth enable", "authentication is not enabled"),
        ("member remove 77", "member not found"),
        ("member promote 77", "member not found"),
        ("move-leader 77", "bad leader transferee"),
    ];
    for (words, told) in cases {
        let complaint = ctl.fails(words).await;
        assert!(complaint.contains(&format!("etcdserver: {told}")), "etcdctl {words}: {complaint}");
    }
}

#[tokio::test]
async fn transactions_take_one_branch() {
    let Some(ctl) = Ctl::memory().await else { return };
    let txn = "mod(\"a\") = \"0\"\n\nput a created\nget a\n\nget a\ndel a\n\n";
    let first = ctl.run("txn", txn).await;
    assert_eq!(String::from_utf8(first.stdout).unwrap(), "SUCCESS\n\nOK\n\na\ncreated\n");
    let second = ctl.run("txn", txn).await;
    assert_eq!(String::from_utf8(second.stdout).unwrap(), "FAILURE\n\na\ncreated\n\n1\n");
    let compares = "version(\"a\") = \"0\"\nvalue(\"b\") = \"x\"\n\n\nput a no\n\n";
    let third = ctl.run("txn", compares).await;
    assert_eq!(String::from_utf8(third.stdout).unwrap(), "FAILURE\n\nOK\n");
}

#[tokio::test]
async fn a_watch_prints_what_was_and_what_comes() {
    let Some(ctl) = Ctl::memory().await else { return };
    ctl.ok("put w/a 1").await;
    let (_child, mut lines) = ctl.start("watch --prefix w/ --rev 2 --prev-kv");
    let mut seen = Vec::new();
    for words in ["put w/a 2", "del w/a", "put x 1", "put w/b 3"] {
        ctl.ok(words).await;
    }
    let wanted = [
        "PUT", "w/a", "1", "PUT", "w/a", "1", "w/a", "2", "DELETE", "w/a", "2", "w/a", "", "PUT",
        "w/b", "3",
    ];
    while seen.len() < wanted.len() {
        seen.push(lines.next_line().await.unwrap().expect("the watch goes on"));
    }
    assert_eq!(seen, wanted);
    ctl.ok("compaction 4").await;
    let (mut late, _lines) = ctl.start("watch w/a --rev 2");
    assert!(!late.wait().await.unwrap().success(), "a watch from a compacted revision ends");
}
