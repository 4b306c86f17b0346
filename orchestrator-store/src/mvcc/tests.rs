use super::*;
use orchestrator_core::store::{Compare, Op, OpResult, Put, Relation, Target, Txn, TxnResponse};
use proptest::prelude::*;

const S: Duration = Duration::from_secs(1);

fn value(text: &str) -> Value {
    Value::from_bytes(text.as_bytes().to_vec())
}

fn put(key: &str, text: &str) -> Op {
    Op::Put(Put::new(key, value(text)))
}

fn delete(key: &str) -> Op {
    Op::Delete(KeyRange::key(key))
}

fn read(key: &str) -> Op {
    Op::Range(Range::new(KeyRange::key(key)))
}

fn all() -> KeyRange {
    KeyRange::prefix("")
}

fn run(mvcc: &mut Mvcc, then: Vec<Op>) -> TxnResponse {
    mvcc.txn(Txn { then, ..Txn::default() }).unwrap()
}

/// The store at `revision` as `key=value@version`.
fn show(mvcc: &Mvcc, revision: u64) -> String {
    let range = Range { revision: Revision::new(revision), ..Range::new(all()) };
    match mvcc.range(&range) {
        Ok(found) => found.kvs.iter().map(show_kv).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    }
}

fn show_kv(kv: &orchestrator_core::store::KeyValue) -> String {
    let key = String::from_utf8_lossy(kv.key.as_bytes());
    format!("{key}={:?}@{}", kv.value, kv.version)
}

fn store(limits: Limits) -> Mvcc {
    Mvcc::new(limits)
}

#[test]
fn each_write_takes_one_revision_and_the_past_stays_readable() {
    let mut mvcc = store(Limits::default());
    assert_eq!(run(&mut mvcc, vec![read("a")]).revision.get(), 1);
    assert_eq!(run(&mut mvcc, vec![put("a", "1"), put("b", "1")]).revision.get(), 2);
    assert_eq!(run(&mut mvcc, vec![put("a", "2")]).revision.get(), 3);
    assert_eq!(run(&mut mvcc, vec![delete("b"), delete("c")]).revision.get(), 4);
    assert_eq!(run(&mut mvcc, vec![delete("b")]).revision.get(), 4);
    assert_eq!(run(&mut mvcc, vec![put("b", "3")]).revision.get(), 5);
    let shown: Vec<_> = (1..=6).map(|revision| show(&mvcc, revision)).collect();
    let future = "revision 6 is in the future, the newest is 5";
    assert_eq!(shown, ["", "a=1@1 b=1@1", "a=2@2 b=1@1", "a=2@2", "a=2@2 b=3@1", future]);
    mvcc.compact(Revision::new(4)).unwrap();
    assert_eq!(show(&mvcc, 3), "revision 3 is compacted, the oldest is 4");
    assert_eq!(show(&mvcc, 4), "a=2@2");
    assert!(matches!(mvcc.compact(Revision::new(4)), Err(StoreError::Compacted { .. })));
    assert!(matches!(mvcc.compact(Revision::new(6)), Err(StoreError::Future { .. })));
}

#[test]
fn a_transaction_reads_its_own_writes_and_the_past_it_names() {
    let mut mvcc = store(Limits::default());
    run(&mut mvcc, vec![put("a", "1")]);
    let past = Range { revision: Revision::new(2), ..Range::new(KeyRange::key("a")) };
    let nested = Txn { then: vec![read("a"), put("b", "1")], ..Txn::default() };
    let ops = vec![read("a"), put("a", "2"), Op::Txn(Box::new(nested)), Op::Range(past)];
    let done = run(&mut mvcc, ops);
    let seen = |result: &OpResult| match result {
        OpResult::Range(found) => (found.revision.get(), show_kv(&found.kvs[0])),
        other => panic!("{other:?}"),
    };
    assert_eq!(seen(&done.results[0]), (2, "a=1@1".into()));
    let OpResult::Txn(inner) = &done.results[2] else { panic!("{:?}", done.results[2]) };
    assert_eq!(seen(&inner.results[0]), (3, "a=2@2".into()));
    assert_eq!(seen(&done.results[3]), (3, "a=1@1".into()));
    assert_eq!((done.revision.get(), mvcc.events(Revision::new(3)).unwrap().len()), (3, 2));
}

#[test]
fn nested_conditions_look_at_the_state_before_the_transaction() {
    let mut mvcc = store(Limits::default());
    let inner = Txn {
        compare: vec![Compare::mod_revision("a", Revision::ZERO)],
        then: vec![put("b", "absent")],
        otherwise: vec![put("b", "present")],
    };
    run(&mut mvcc, vec![put("a", "1"), Op::Txn(Box::new(inner))]);
    assert_eq!(show(&mvcc, 2), "a=1@1 b=absent@1");
}

#[test]
fn nothing_is_written_when_a_later_step_is_refused() {
    let mut mvcc = store(Limits::default());
    let keeps = Put { key: "x".into(), value: None, lease: Some(0) };
    let leased = Put { key: "x".into(), value: Some(value("1")), lease: Some(9) };
    for op in [Op::Put(keeps), Op::Put(leased)] {
        let txn = Txn { then: vec![put("a", "1"), op], ..Txn::default() };
        assert!(mvcc.txn(txn).is_err());
    }
    assert_eq!((mvcc.revision().get(), mvcc.status("").keys), (1, 0));
}

#[test]
fn a_missing_key_compares_as_zeros_and_its_value_as_nothing() {
    let mut mvcc = store(Limits::default());
    run(&mut mvcc, vec![put("p/a", "m"), put("p/b", "n")]);
    let holds = |keys: KeyRange, target, relation| {
        compare::holds(&Compare { keys, target, relation }, &mvcc.root)
    };
    let (one, none) = (|| KeyRange::prefix("p/"), || KeyRange::prefix("q/"));
    assert!(holds(none(), Target::Version(0), Relation::Equal));
    assert!(holds(none(), Target::Lease(1), Relation::Less));
    assert!(!holds(none(), Target::Value(value("")), Relation::Equal));
    assert!(!holds(none(), Target::Value(value("")), Relation::NotEqual));
    assert!(holds(one(), Target::Value(value("o")), Relation::Less));
    assert!(!holds(one(), Target::Value(value("n")), Relation::Less));
    assert!(holds(one(), Target::CreateRevision(Revision::new(2)), Relation::Equal));
}

#[test]
fn an_expired_lease_deletes_its_keys_in_one_revision_in_order() {
    let mut mvcc = store(Limits::default());
    mvcc.lease(LeaseOp::Grant { id: 7, ttl: 10 * S }, S).unwrap();
    let leased =
        |key: &str| Op::Put(Put { key: key.into(), value: Some(value("v")), lease: Some(7) });
    run(&mut mvcc, vec![leased("c"), leased("a"), leased("b")]);
    run(&mut mvcc, vec![put("b", "stays")]);
    let kept = Put { key: "c".into(), value: Some(value("w")), lease: None };
    run(&mut mvcc, vec![Op::Put(kept)]);
    assert_eq!(mvcc.expire(10 * S), None);
    assert_eq!(mvcc.expire(11 * S).unwrap().keys, ["a".into(), "c".into()]);
    assert_eq!(show(&mvcc, 5), "b=stays@2");
    let events = mvcc.events(Revision::new(5)).unwrap();
    assert!(events.iter().map(|event| &event.kv.key).eq([&"a".into(), &"c".into()]));
    assert!(events.iter().all(|event| event.deleted && event.prev.is_some()));
}

#[test]
fn history_beyond_the_limit_is_compacted_and_room_is_refused_beyond_the_quota() {
    let limits = Limits { history_events: 3, data_bytes: 50, ..Limits::default() };
    let mut mvcc = store(limits);
    for text in ["1", "2", "3", "4", "5"] {
        run(&mut mvcc, vec![put("a", text)]);
    }
    assert_eq!((mvcc.floor().get(), mvcc.revision().get()), (4, 6));
    assert_eq!(show(&mvcc, 3), "revision 3 is compacted, the oldest is 4");
    assert_eq!(show(&mvcc, 4), "a=3@3");
    assert!(mvcc.events(Revision::new(4)).is_some());
    let large = Txn { then: vec![put("b", &"x".repeat(50))], ..Txn::default() };
    assert!(matches!(mvcc.txn(large), Err(StoreError::NoSpace)));
    run(&mut mvcc, vec![delete("a")]);
    assert_eq!(mvcc.root.bytes(), 0);
}

#[test]
fn a_fork_goes_its_own_way_from_any_revision() {
    let mut mvcc = store(Limits::default());
    mvcc.lease(LeaseOp::Grant { id: 7, ttl: 10 * S }, S).unwrap();
    let leased = Put { key: "l".into(), value: Some(value("v")), lease: Some(7) };
    run(&mut mvcc, vec![Op::Put(leased)]);
    run(&mut mvcc, vec![put("a", "1"), delete("l")]);
    run(&mut mvcc, vec![put("a", "2")]);
    let (mut now, mut then) = (mvcc.fork(), mvcc.fork_at(Revision::new(2)).unwrap());
    run(&mut now, vec![put("a", "now")]);
    run(&mut then, vec![put("a", "then")]);
    assert_eq!(show(&mvcc, 4), "a=2@2");
    assert_eq!(show(&now, 5), "a=now@3");
    assert_eq!((show(&then, 3), then.revision().get()), ("a=then@1 l=v@1".into(), 3));
    assert_eq!(then.expire(99 * S).unwrap().keys, ["l".into()]);
    assert_eq!(then.root.bytes(), 5);
}

#[test]
fn equal_commands_at_equal_times_make_equal_states() {
    let commands = || {
        let txn = |key: &str| Txn { then: vec![put(key, "1")], ..Txn::default() };
        vec![
            Command::Lease(LeaseOp::Grant { id: 0, ttl: S }),
            Command::Txn(txn("a")),
            Command::Txn(txn("b")),
            Command::Expire,
            Command::Compact(Revision::new(2)),
        ]
    };
    let play = || {
        let mut mvcc = store(Limits::default());
        let answers = commands().into_iter().zip(1..).map(|(command, second)| {
            let answer = mvcc.apply(command, second * S).map_err(|error| error.to_string());
            format!("{answer:?}")
        });
        (answers.collect::<Vec<_>>(), show(&mvcc, 0), format!("{:?}", mvcc.log))
    };
    assert_eq!(play(), play());
}

proptest! {
    /// Any revision reads the same from whichever root, and as a fork, in whole and in part.
    #[test]
    fn every_kept_revision_reads_as_it_was(
        writes in proptest::collection::vec((0..8_u8, 0..8_u8, any::<bool>()), 1..60),
        compacted in 0..40_u64,
    ) {
        let mut mvcc = store(Limits::default());
        let mut states = vec![String::new(), String::new()];
        for (first, second, deletes) in writes {
            let before = mvcc.revision();
            // Two keys at a time, so that more than one changes at a revision.
            let keys = [first, second].map(|key| format!("k{key}"));
            let keys = if first == second { &keys[..1] } else { &keys[..] };
            let op = |key: &String| if deletes { delete(key) } else { put(key, "v") };
            run(&mut mvcc, keys.iter().map(op).collect());
            if mvcc.revision() > before {
                states.push(show(&mvcc, 0));
            }
        }
        let floor = mvcc.compact(Revision::new(compacted)).map_or(1, |()| compacted);
        for revision in floor..=mvcc.revision().get() {
            let state = &states[revision as usize];
            prop_assert_eq!(&show(&mvcc, revision), state);
            let part = Range {
                revision: Revision::new(revision),
                limit: 2,
                ..Range::new(KeyRange { start: "k2".into(), end: Some("k6".into()) })
            };
            let found = mvcc.range(&part).unwrap();
            let wanted: Vec<_> = state
                .split_whitespace()
                .filter(|kv| ("k2".."k6").contains(&&kv[..2]))
                .collect();
            let shown: Vec<_> = found.kvs.iter().map(show_kv).collect();
            prop_assert_eq!(&shown[..], &wanted[..wanted.len().min(2)]);
            prop_assert_eq!((found.count, found.more), (wanted.len() as u64, wanted.len() > 2));
            let mut fork = mvcc.fork_at(Revision::new(revision)).unwrap();
            prop_assert_eq!(&show(&fork, 0), state);
            run(&mut fork, vec![put("k9", "f"), delete("k0")]);
            for past in floor..=revision {
                prop_assert_eq!(&show(&fork, past), &states[past as usize]);
            }
        }
    }
}
