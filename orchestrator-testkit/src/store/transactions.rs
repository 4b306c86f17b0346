//! Rules of transactions.

use orchestrator_core::StoreExt;
use orchestrator_core::store::{
    Compare, KeyRange, MAX_TXN_DEPTH, MAX_TXN_OPS, MAX_VALUE_BYTES, Op, Put, Relation, Revision,
    Store, Target, Txn,
};
use orchestrator_core::store_ext::Swap;

use super::calls::{delete, nested, newest, put, read, refused, run, show_result, state, value};

fn compare(keys: KeyRange, relation: Relation, target: Target) -> Compare {
    Compare { keys, target, relation }
}

async fn holds(store: &dyn Store, compare: Compare) -> bool {
    let txn = Txn { compare: vec![compare], ..Txn::default() };
    store.txn(txn).await.expect("a comparison is answered").succeeded
}

pub(super) async fn conditions_choose_the_branch(store: &dyn Store) {
    run(store, vec![put("a", "m"), put("b", "n")]).await;
    let both = || KeyRange::prefix("");
    let at = |revision| Target::ModRevision(Revision::new(revision));
    let cases = [
        (both(), Relation::Equal, at(2), true),
        (both(), Relation::Less, at(3), true),
        (both(), Relation::Greater, at(2), false),
        (both(), Relation::NotEqual, at(1), true),
        (both(), Relation::Equal, Target::Version(1), true),
        (both(), Relation::Equal, Target::Lease(0), true),
        (both(), Relation::Equal, Target::CreateRevision(Revision::new(2)), true),
        (both(), Relation::Equal, Target::Value(value("m")), false),
        (KeyRange::key("a"), Relation::Equal, Target::Value(value("m")), true),
        (both(), Relation::Less, Target::Value(value("o")), true),
    ];
    for (keys, relation, target, wanted) in cases {
        let condition = compare(keys, relation, target);
        let shown = format!("{condition:?}");
        assert_eq!(holds(store, condition).await, wanted, "{shown} for every key in the range");
    }
    let txn = Txn {
        compare: vec![Compare::mod_revision("a", Revision::new(9))],
        then: vec![put("a", "then")],
        otherwise: vec![put("b", "otherwise")],
    };
    let done = store.txn(txn).await.expect("a transaction");
    assert!(!done.succeeded, "the condition does not hold");
    assert_eq!(state(store, Revision::ZERO).await, "a=m b=otherwise", "only one branch runs");
}

pub(super) async fn a_missing_key_compares_as_zeros(store: &dyn Store) {
    for keys in [KeyRange::key("x"), KeyRange::prefix("x")] {
        let cases = [
            (Relation::Equal, Target::ModRevision(Revision::ZERO), true),
            (Relation::Equal, Target::CreateRevision(Revision::ZERO), true),
            (Relation::Equal, Target::Version(0), true),
            (Relation::Less, Target::Lease(1), true),
            (Relation::Equal, Target::Value(value("")), false),
            (Relation::NotEqual, Target::Value(value("")), false),
        ];
        for (relation, target, wanted) in cases {
            let condition = compare(keys.clone(), relation, target);
            let shown = format!("{condition:?}");
            assert_eq!(holds(store, condition).await, wanted, "{shown} where there is no key");
        }
    }
}

pub(super) async fn reads_see_the_writes_before_them(store: &dyn Store) {
    run(store, vec![put("a", "1"), put("b", "1")]).await;
    let ops = vec![read(""), put("a", "2"), read(""), delete("b"), read("")];
    let done = run(store, ops).await;
    let seen: Vec<_> = done.results.iter().map(show_result).collect();
    let wanted = ["found a=1 b=1", "replaced a=1", "found a=2 b=1", "deleted b=1", "found a=2"];
    assert_eq!(seen, wanted, "each step sees those before it");
}

pub(super) async fn nested_transactions_are_one_revision(store: &dyn Store) {
    let absent = || vec![Compare::mod_revision("a", Revision::ZERO)];
    let inner = Txn {
        compare: absent(),
        then: vec![put("b", "was-absent"), read("")],
        otherwise: vec![put("b", "was-present")],
    };
    let done = run(store, vec![put("a", "1"), nested(inner)]).await;
    assert_eq!(done.revision.get(), 2, "all of it is one revision");
    assert_eq!(
        state(store, Revision::new(2)).await,
        "a=1 b=was-absent",
        "conditions, also inner ones, look at the state before the transaction"
    );
    let seen = show_result(&done.results[1]);
    assert_eq!(seen, "replaced none, found a=1 b=was-absent", "inner reads see outer writes");
}

pub(super) async fn a_refused_transaction_writes_nothing(store: &dyn Store) {
    run(store, vec![put("a", "1")]).await;
    let many = (0..=MAX_TXN_OPS).map(|n| put(&format!("k{n}"), "v")).collect();
    let deep =
        (0..=MAX_TXN_DEPTH).fold(vec![], |then, _| vec![nested(Txn { then, ..Txn::default() })]);
    let inner = Txn { otherwise: vec![delete("b")], ..Txn::default() };
    let large = Put::new("b", value(&"x".repeat(MAX_VALUE_BYTES + 1)));
    let keeping = Put { key: "x".into(), value: None, lease: Some(0) };
    let leased = Put { key: "b".into(), value: Some(value("1")), lease: Some(77) };
    let future = orchestrator_core::store::Range {
        revision: Revision::new(99),
        ..orchestrator_core::store::Range::new(KeyRange::key("a"))
    };
    let cases = [
        ("a key is put twice", vec![put("b", "1"), put("b", "2")], "Invalid"),
        ("a key is put and deleted", vec![put("b", "1"), delete("b")], "Invalid"),
        ("an inner branch deletes it", vec![put("b", "1"), nested(inner)], "Invalid"),
        ("there are too many steps", many, "Invalid"),
        ("it is nested too deeply", deep, "Invalid"),
        ("a key is empty", vec![put("b", "1"), put("", "1")], "Invalid"),
        ("a value is too long", vec![put("a", "2"), Op::Put(large)], "TooLarge"),
        ("a kept value is not there", vec![put("a", "2"), Op::Put(keeping)], "KeyNotFound"),
        ("a lease is not there", vec![put("a", "2"), Op::Put(leased)], "LeaseNotFound"),
        ("a read is of the future", vec![put("a", "2"), Op::Range(future)], "Future"),
    ];
    for (why, ops, wanted) in cases {
        let error = format!("{:?}", refused(store, ops).await);
        assert!(error.starts_with(wanted), "refused with {wanted} where {why}, not {error}");
        assert_eq!(newest(store).await.get(), 2, "nothing is written where {why}");
    }
    let compare = vec![Compare::mod_revision("x", Revision::ZERO); MAX_TXN_OPS + 1];
    let picky = Txn { compare, then: vec![put("b", "1")], ..Txn::default() };
    let error = store.txn(picky).await.expect_err("there are too many conditions");
    assert!(format!("{error:?}").starts_with("Invalid"), "refused with Invalid, not {error}");
    assert_eq!(state(store, Revision::ZERO).await, "a=1", "nothing was written");
}

pub(super) async fn a_put_may_keep_the_value_or_the_lease(store: &dyn Store) {
    use orchestrator_core::store::LeaseOp;
    let ttl = std::time::Duration::from_secs(600);
    store.lease(LeaseOp::Grant { id: 5, ttl }).await.expect("a lease");
    let write = async |value, lease| {
        run(store, vec![Op::Put(Put { key: "a".into(), value, lease })]).await;
        let kv = store.get("a").await.expect("a read").1.expect("the key");
        (String::from_utf8_lossy(kv.value.bytes()).into_owned(), kv.lease, kv.version)
    };
    assert_eq!(write(Some(value("1")), Some(5)).await, ("1".into(), 5, 1));
    assert_eq!(write(Some(value("2")), None).await, ("2".into(), 5, 2), "the lease is kept");
    assert_eq!(write(None, Some(0)).await, ("2".into(), 0, 3), "the value is kept");
}

pub(super) async fn short_forms_tell_of_conflicts(store: &dyn Store) {
    let write = |text: &str| Put::new("a", value(text));
    let made = store.put_at(write("1"), Revision::ZERO).await.expect("a create");
    assert_eq!(made, Swap::Done(Revision::new(2)), "what is not there is made");
    let again = store.put_at(write("2"), Revision::ZERO).await.expect("a create");
    let Swap::Conflict { current: Some(current), .. } = again else {
        panic!("a create of what is there conflicts and tells it: {again:?}")
    };
    let stale = store.delete_at("a", Revision::new(9)).await.expect("a delete");
    assert!(matches!(stale, Swap::Conflict { .. }), "a delete of another revision conflicts");
    let gone = store.delete_at("a", current.mod_revision).await.expect("a delete");
    assert_eq!(gone, Swap::Done(Revision::new(3)), "a delete of the right revision is done");
    let none = store.delete_at("a", current.mod_revision).await.expect("a delete");
    let nothing = Swap::Conflict { revision: Revision::new(3), current: None };
    assert_eq!(none, nothing, "what is gone is told as gone");
}

pub(super) async fn a_range_is_deleted_in_one_revision(store: &dyn Store) {
    run(store, vec![put("a", "1"), put("b/x", "1"), put("b/y", "2")]).await;
    run(store, vec![put("b/x", "3")]).await;
    let done = run(store, vec![delete("b/"), delete("none")]).await;
    assert_eq!(done.revision.get(), 4, "however many keys there are");
    let seen: Vec<_> = done.results.iter().map(show_result).collect();
    assert_eq!(seen, ["deleted b/x=3 b/y=2", "deleted "], "what was there, in order");
    assert_eq!(state(store, Revision::ZERO).await, "a=1");
}

pub(super) async fn all_writes_share_one_revision(store: &dyn Store) {
    run(store, vec![put("b", "1")]).await;
    run(store, vec![put("a", "1"), put("b", "2"), put("c", "1")]).await;
    let found = store.list(KeyRange::prefix(""), Revision::ZERO, 0).await.expect("a read");
    let numbers: Vec<_> = found
        .kvs
        .iter()
        .map(|kv| (kv.create_revision.get(), kv.mod_revision.get(), kv.version))
        .collect();
    assert_eq!(numbers, [(3, 3, 1), (2, 3, 2), (3, 3, 1)], "all of one transaction");
}
