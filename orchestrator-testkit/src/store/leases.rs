//! Rules of leases.

use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::store::{LeaseId, LeaseInfo, LeaseOp, Revision, Store, StoreError};

use super::calls::{PATIENCE, changes, leased, newest, put, run, state, watch};

/// Long enough not to end during a rule.
const LONG: Duration = Duration::from_secs(600);

/// Short enough to wait for; etcd raises anything shorter.
const SHORT: Duration = Duration::from_secs(2);

async fn lease(store: &dyn Store, op: LeaseOp) -> Result<LeaseInfo, StoreError> {
    let leases = store.lease(op).await?;
    Ok(leases.into_iter().next().expect("an answer about one lease tells of it"))
}

async fn grant(store: &dyn Store, id: LeaseId, ttl: Duration) -> LeaseId {
    lease(store, LeaseOp::Grant { id, ttl }).await.expect("a lease").id
}

fn keys(info: &LeaseInfo) -> String {
    let keys = info.keys.iter().map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
    keys.collect::<Vec<_>>().join(" ")
}

pub(super) async fn keys_end_with_their_lease_in_one_revision(store: &dyn Store) {
    grant(store, 5, LONG).await;
    run(store, vec![leased("c", 5), leased("a", 5), put("b", "1")]).await;
    let base = newest(store).await;
    let mut stream = watch(store, "", Revision::ZERO).await;
    let info = lease(store, LeaseOp::Describe(5)).await.expect("the lease");
    assert_eq!((keys(&info).as_str(), info.ttl), ("a c", LONG), "a lease tells its keys");
    lease(store, LeaseOp::Revoke(5)).await.expect("a revocation");
    assert_eq!(changes(&mut stream, base, base.next()).await, "1:-a -c", "sorted, in one revision");
    assert_eq!(state(store, Revision::ZERO).await, "b=1", "other keys stay");
    grant(store, 6, LONG).await;
    lease(store, LeaseOp::Revoke(6)).await.expect("a revocation");
    assert_eq!(newest(store).await, base.next(), "a lease without keys takes no revision");
}

pub(super) async fn a_key_has_the_lease_of_its_last_put(store: &dyn Store) {
    grant(store, 5, LONG).await;
    grant(store, 6, LONG).await;
    run(store, vec![leased("a", 5), leased("b", 5), leased("c", 5)]).await;
    run(store, vec![leased("a", 6), put("b", "1")]).await;
    let described = async |id| {
        let info = lease(store, LeaseOp::Describe(id)).await.expect("the lease");
        keys(&info)
    };
    assert_eq!((described(5).await, described(6).await), ("c".into(), "a".into()));
    let listed = store.lease(LeaseOp::List).await.expect("the leases");
    assert_eq!(listed.iter().map(|info| info.id).collect::<Vec<_>>(), [5, 6], "all, by id");
    lease(store, LeaseOp::Revoke(5)).await.expect("a revocation");
    assert_eq!(state(store, Revision::ZERO).await, "a=v b=1", "only its own keys end");
}

pub(super) async fn a_lease_ends_by_itself_and_not_early(store: &dyn Store) {
    let env = Env::system();
    let base = newest(store).await;
    let mut stream = watch(store, "", Revision::ZERO).await;
    let start = env.instant();
    let id = grant(store, 0, SHORT).await;
    assert_ne!(id, 0, "the store chooses an id where none is wanted");
    run(store, vec![leased("a", id), leased("b", id)]).await;
    let seen = changes(&mut stream, base, Revision::new(base.get() + 2)).await;
    assert_eq!(seen, "1:+a=v +b=v, 2:-a -b", "the keys end in one revision");
    let lived = env.instant() - start;
    assert!(lived >= SHORT && lived < SHORT + PATIENCE, "after its time, not {lived:?}");
    let gone = lease(store, LeaseOp::Describe(id)).await;
    assert!(matches!(gone, Err(StoreError::LeaseNotFound(_))), "the lease is gone");
}

pub(super) async fn a_kept_lease_lives_on(store: &dyn Store) {
    let env = Env::system();
    let base = newest(store).await;
    let mut stream = watch(store, "", Revision::ZERO).await;
    grant(store, 5, SHORT).await;
    run(store, vec![leased("a", 5)]).await;
    for _ in 0..3 {
        env.sleep(SHORT * 3 / 4).await;
        let kept = lease(store, LeaseOp::KeepAlive(5)).await.expect("it is kept alive");
        assert!(kept.remaining > SHORT * 3 / 4, "its time starts again");
    }
    let kept_at = env.instant();
    let seen = changes(&mut stream, base, Revision::new(base.get() + 2)).await;
    assert_eq!(seen, "1:+a=v, 2:-a", "it ends in the end");
    // The answer to the keep-alive may have taken a moment on its way.
    let lived = env.instant() - kept_at + SHORT / 4;
    assert!(lived >= SHORT, "not before its time after the last keep-alive, but {lived:?}");
}

pub(super) async fn unknown_and_double_leases_are_refused(store: &dyn Store) {
    grant(store, 5, LONG).await;
    let double = lease(store, LeaseOp::Grant { id: 5, ttl: LONG }).await;
    assert!(matches!(double, Err(StoreError::LeaseExists(5))), "an id is given once");
    for op in [LeaseOp::KeepAlive(9), LeaseOp::Revoke(9), LeaseOp::Describe(9)] {
        let shown = format!("{op:?}");
        let unknown = lease(store, op).await;
        assert!(matches!(unknown, Err(StoreError::LeaseNotFound(9))), "{shown} is refused");
    }
    lease(store, LeaseOp::Revoke(5)).await.expect("a revocation");
    grant(store, 5, LONG).await;
}

pub(super) async fn a_deleted_key_leaves_its_lease(store: &dyn Store) {
    grant(store, 5, LONG).await;
    run(store, vec![leased("a", 5), leased("b", 5)]).await;
    run(store, vec![super::calls::delete("a")]).await;
    run(store, vec![put("a", "1")]).await;
    let info = lease(store, LeaseOp::Describe(5)).await.expect("the lease");
    assert_eq!(keys(&info), "b", "it has nothing to do with the key any more");
    lease(store, LeaseOp::Revoke(5)).await.expect("a revocation");
    assert_eq!(state(store, Revision::ZERO).await, "a=1", "the key made since stays");
}

pub(super) async fn a_lease_that_is_too_long_is_refused(store: &dyn Store) {
    let ttl = orchestrator_core::store::MAX_LEASE_TTL;
    let long = lease(store, LeaseOp::Grant { id: 5, ttl: ttl + SHORT }).await;
    assert!(matches!(long, Err(StoreError::Invalid(_))), "beyond the limit");
    let longest = lease(store, LeaseOp::Grant { id: 5, ttl }).await.expect("at the limit");
    assert_eq!(longest.ttl, ttl);
}
