//! Rules for requests that meet: made at once, or given up on their way.

use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use orchestrator_core::Env;
use orchestrator_core::store::{Compare, Revision, Store, Txn};

use super::calls::{changes, newest, put, run, state, watch};

/// How many writers meet.
const WRITERS: usize = 16;

pub(super) async fn of_writers_that_meet_one_wins(store: &dyn Store) {
    let base = newest(store).await;
    let mut stream = watch(store, "a", Revision::ZERO).await;
    let create = |writer: usize| {
        let compare = vec![Compare::mod_revision("a", Revision::ZERO)];
        store.txn(Txn { compare, then: vec![put("a", &writer.to_string())], otherwise: vec![] })
    };
    let done = join_all((0..WRITERS).map(create)).await;
    let won: Vec<usize> = done
        .iter()
        .enumerate()
        .filter(|(_, done)| done.as_ref().expect("a condition that fails is no error").succeeded)
        .map(|(writer, _)| writer)
        .collect();
    let [winner] = won[..] else { panic!("one of those that create a key wins, not {won:?}") };
    assert_eq!(newest(store).await, base.next(), "the others write nothing");
    assert_eq!(state(store, Revision::ZERO).await, format!("a={winner}"), "the winner's is there");
    let seen = changes(&mut stream, base, base.next()).await;
    assert_eq!(seen, format!("1:+a={winner}"), "and was told");
}

pub(super) async fn writers_that_meet_take_one_revision_each(store: &dyn Store) {
    let base = newest(store).await;
    let mut stream = watch(store, "", Revision::ZERO).await;
    let keys: Vec<String> = (0..WRITERS).map(|writer| format!("k{writer:02}")).collect();
    let done = join_all(keys.iter().map(|key| run(store, vec![put(key, "1")]))).await;
    let mut made: Vec<_> = done.iter().map(|done| done.revision).zip(&keys).collect();
    made.sort();
    let wanted: Vec<_> = (1..=WRITERS as u64).map(|n| Revision::new(base.get() + n)).collect();
    let revisions: Vec<_> = made.iter().map(|(revision, _)| *revision).collect();
    assert_eq!(revisions, wanted, "each its own, without gaps");
    let last = *wanted.last().expect("some writers");
    let told = |(n, (_, key)): (usize, &(Revision, &String))| format!("{}:+{key}=1", n + 1);
    let wanted: Vec<_> = made.iter().enumerate().map(told).collect();
    assert_eq!(changes(&mut stream, base, last).await, wanted.join(", "), "told in that order");
}

pub(super) async fn a_write_that_is_given_up_happens_whole_or_not_at_all(store: &dyn Store) {
    let env = Env::system();
    for round in 0..4 {
        let (a, b) = (format!("{round}/a"), format!("{round}/b"));
        let txn = Txn { then: vec![put(&a, "1"), put(&b, "1")], ..Txn::default() };
        // Asked a time or two for its outcome, and dropped.
        let mut asked = Box::pin(store.txn(txn));
        for _ in 0..=round % 2 {
            if asked.as_mut().now_or_never().is_some() {
                break;
            }
            env.sleep(Duration::from_millis(1)).await;
        }
        drop(asked);
        // What comes after it in the order of writes shows what became of it.
        run(store, vec![put("after", "1")]).await;
        let found = store.range(range(&format!("{round}/"))).await.expect("a read");
        assert!(matches!(found.count, 0 | 2), "{} of its two keys are there", found.count);
    }
}

fn range(prefix: &str) -> orchestrator_core::store::Range {
    orchestrator_core::store::Range::new(orchestrator_core::store::KeyRange::prefix(prefix))
}
