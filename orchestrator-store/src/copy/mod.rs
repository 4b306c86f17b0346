//! Copying one store into another, whatever their engines.
//!
//! ```text
//!  source, at one revision ── pages ──▶ transactions ──▶ target ── pages ──▶ the same digest?
//! ```
//!
//! What is kept: every key, its value, its lease with id and time to live. What is not, because a
//! store gives them out itself: revisions and versions, the history before the copy, and how much
//! of its time a lease has used up; it begins anew. Clients must list again before they watch.
//!
//! The target carries a [mark](MARK) until it is complete and checked, so that a copy that was
//! broken off is never taken for a whole one. Writing the same key twice changes nothing, so a
//! write whose outcome is unknown is simply written again.

mod digest;
mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use orchestrator_core::store::{
    Key, KeyRange, KeyValue, LeaseId, LeaseOp, Op, Put, Recovery, Store, StoreError, Txn,
};
use orchestrator_core::{Env, Revision, StoreExt, Value};

use crate::compactor;
use digest::Hasher;
use page::Pages;

pub use digest::Digest;

/// The key that marks a store whose filling is not finished; its value says what was going on.
pub const MARK: &str = "orchestrator/unfinished";

/// The most keys of a transaction: a branch takes 128 steps.
const BATCH_KEYS: usize = 100;

/// The most bytes of a transaction, single large values aside: well below etcd's 1.5 MiB.
const BATCH_BYTES: usize = 512 * 1024;

/// How often a write is tried, and how long the first wait between two tries is.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How a copy is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Takes away first whatever the target holds; otherwise a target that holds anything is
    /// refused.
    pub replace: bool,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// How many keys are through.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// The steps of a copy, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// What the target held is taken away.
    Clear,
    /// Keys are written.
    #[default]
    Write,
    /// Keys are read back.
    Check,
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The keys and values, as one number.
    pub digest: Digest,
    /// How many leases.
    pub leases: u64,
    /// The source's revision that the copy shows.
    pub from: Revision,
    /// The target's revision when it was complete.
    pub to: Revision,
}

/// Why a copy is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The target holds keys; nothing was changed.
    #[error("the target holds {keys} keys; nothing was changed")]
    NotEmpty {
        /// How many.
        keys: u64,
    },
    /// The source cannot be read; the target is marked as unfinished if `written` is not 0.
    #[error("the source cannot be read after {written} keys")]
    Source {
        /// How many keys the target has by then.
        written: u64,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The target does not take more; it is marked as unfinished.
    #[error("the target failed after {written} keys and is incomplete")]
    Target {
        /// How many keys it has by then.
        written: u64,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The target is not what was written to it; it is marked as unfinished.
    #[error("the target holds {found}, yet {wanted} was copied: somebody else writes to it")]
    Different {
        /// What was read back.
        found: Digest,
        /// What was written.
        wanted: Digest,
    },
}

/// Copies all keys of `from`, at one revision, into `to`, and reads them back.
///
/// # Cancellation
/// The target stays marked as unfinished.
///
/// # Errors
/// [`CopyError`] tells how far the copy came. Everything but
/// [`NotEmpty`](CopyError::NotEmpty) leaves the target marked.
pub async fn copy(
    from: &dyn Store,
    to: &dyn Store,
    env: &Env,
    options: Options,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Report, CopyError> {
    let target = Target { store: to, env };
    let keys = to.count(everything()).await.map_err(lost(0))?;
    if keys > 0 && !options.replace {
        return Err(CopyError::NotEmpty { keys });
    }
    let unread = |source| CopyError::Source { written: 0, source };
    let status = from.status().await.map_err(unread)?;
    target.mark().await.map_err(lost(0))?;
    target.clear(keys, &mut progress).await?;
    let leases = target.take_leases(from).await?;
    let (wanted, revision) = target.fill(from, status.keys, &leases, &mut progress).await?;
    let (found, _) = digest(to, wanted.keys, &mut progress).await.map_err(lost(wanted.keys))?;
    if found != wanted {
        return Err(CopyError::Different { found, wanted });
    }
    let unmark = Op::Delete(KeyRange::key(MARK));
    let to = target.write(vec![unmark]).await.map_err(lost(wanted.keys))?;
    Ok(Report { digest: wanted, leases: leases.len() as u64, from: revision, to })
}

/// What the mark of an unfinished copy says; `None` where there is none.
///
/// # Errors
/// Those of [`Store::range`].
pub async fn unfinished(store: &dyn Store) -> Result<Option<String>, StoreError> {
    let (_, mark) = store.get(MARK).await?;
    Ok(mark.map(|mark| String::from_utf8_lossy(mark.value.bytes()).into_owned()))
}

/// All keys.
fn everything() -> KeyRange {
    let all = Key::from(&[0][..]);
    KeyRange { start: all.clone(), end: Some(all) }
}

/// Whether a key is about the store itself: how far it is compacted, that it is not complete.
fn is_own(key: &Key) -> bool {
    key.as_bytes() == compactor::MARK.as_bytes() || key.as_bytes() == MARK.as_bytes()
}

fn lost(written: u64) -> impl Fn(StoreError) -> CopyError {
    move |source| CopyError::Target { written, source }
}

/// Reads all keys of a store, of which there are about `total`; what they are, and at which
/// revision.
///
/// # Errors
/// Those of [`Store::range`].
pub async fn digest(
    store: &dyn Store,
    total: u64,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<(Digest, Revision), StoreError> {
    let mut pages = Pages::new(store);
    let mut hasher = Hasher::default();
    while let Some(page) = pages.next().await? {
        page.iter().filter(|kv| !is_own(&kv.key)).for_each(|kv| hasher.add(kv));
        progress(Progress { step: Step::Check, done: hasher.keys(), total });
    }
    Ok((hasher.finish(), pages.revision()))
}

/// The store that is filled.
struct Target<'a> {
    store: &'a dyn Store,
    env: &'a Env,
}

impl Target<'_> {
    /// Says that the store is not complete.
    async fn mark(&self) -> Result<Revision, StoreError> {
        let since = format!("a copy begun at {}", self.env.now_rfc3339());
        self.write(vec![Op::Put(Put::new(MARK, Value::from_bytes(since)))]).await
    }

    /// Takes away what the store holds.
    async fn clear(
        &self,
        total: u64,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<(), CopyError> {
        let mut done = 0;
        let mut pages = Pages::new(self.store);
        while let Some(page) = pages.next().await.map_err(lost(0))? {
            for batch in page.chunks(BATCH_KEYS) {
                let kept = batch.iter().filter(|kv| kv.key.as_bytes() != MARK.as_bytes());
                let gone = kept.map(|kv| Op::Delete(KeyRange::key(kv.key.clone())));
                self.write(gone.collect()).await.map_err(lost(0))?;
                done += batch.len() as u64;
                progress(Progress { step: Step::Clear, done, total });
            }
        }
        Ok(())
    }

    /// Grants every lease of `from`, with its id and its whole time.
    async fn take_leases(&self, from: &dyn Store) -> Result<BTreeSet<LeaseId>, CopyError> {
        let unread = |source| CopyError::Source { written: 0, source };
        let mut taken = BTreeSet::new();
        for lease in from.lease(LeaseOp::List).await.map_err(unread)? {
            let ttl = match lease.ttl.is_zero() {
                // Engines that list no more than ids.
                true => match from.lease(LeaseOp::Describe(lease.id)).await {
                    Ok(told) => told.first().map_or(Duration::ZERO, |told| told.ttl),
                    Err(StoreError::LeaseNotFound(_)) => continue,
                    Err(source) => return Err(unread(source)),
                },
                false => lease.ttl,
            };
            match self.store.lease(LeaseOp::Grant { id: lease.id, ttl }).await {
                Ok(_) | Err(StoreError::LeaseExists(_)) => {}
                Err(error) => return Err(lost(0)(error)),
            }
            taken.insert(lease.id);
        }
        Ok(taken)
    }

    /// Writes all keys of `from`; those whose lease has ended since it was read end with it.
    async fn fill(
        &self,
        from: &dyn Store,
        total: u64,
        leases: &BTreeSet<LeaseId>,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<(Digest, Revision), CopyError> {
        let mut pages = Pages::new(from);
        let mut hasher = Hasher::default();
        loop {
            let written = hasher.keys();
            let unread = |source| CopyError::Source { written, source };
            let Some(page) = pages.next().await.map_err(unread)? else { break };
            let alive = |kv: &&KeyValue| kv.lease == 0 || leases.contains(&kv.lease);
            let kept: Vec<&KeyValue> =
                page.iter().filter(|kv| !is_own(&kv.key)).filter(alive).collect();
            for batch in page::batches(&kept, BATCH_KEYS, BATCH_BYTES) {
                let puts = batch.iter().map(|kv| Op::Put(put(kv))).collect();
                self.write(puts).await.map_err(lost(hasher.keys()))?;
                batch.iter().for_each(|kv| hasher.add(kv));
                progress(Progress { step: Step::Write, done: hasher.keys(), total });
            }
        }
        Ok((hasher.finish(), pages.revision()))
    }

    /// Does `then`, again and again while the store is not to be reached.
    async fn write(&self, then: Vec<Op>) -> Result<Revision, StoreError> {
        if then.is_empty() {
            return Ok(Revision::ZERO);
        }
        let mut wait = FIRST_WAIT;
        let txn = Txn { then, ..Txn::default() };
        for _ in 1..TRIES {
            match self.store.txn(txn.clone()).await {
                Err(error) if may_pass(&error) => self.env.sleep(wait).await,
                answer => return answer.map(|answer| answer.revision),
            }
            wait *= 2;
        }
        self.store.txn(txn).await.map(|answer| answer.revision)
    }
}

/// Whether the same write, which can be made twice, may succeed later.
fn may_pass(error: &StoreError) -> bool {
    match error {
        StoreError::NoSpace => false,
        StoreError::Unknown(_) => true,
        error => error.recovery() == Recovery::AfterBackoff,
    }
}

fn put(kv: &KeyValue) -> Put {
    Put { key: kv.key.clone(), value: Some(kv.value.clone()), lease: Some(kv.lease) }
}
