//! Many writes at a time, without hammering a server that refuses the first of them.

use std::future::Future;

use futures::future::join_all;
use orchestrator_core::Status;

/// How many pods one reconcile of one workload makes or deletes at most.
pub(crate) const BURST: usize = 500;

/// The size of the first batch of [`slow_start`].
const FIRST_BATCH: usize = 1;

/// Runs `work(0..count)` in batches of 1, 2, 4, ... at a time; a batch with a failure is the
/// last. So a pod that the server refuses is tried once or twice, not hundreds of times.
///
/// # Errors
/// The first failure.
pub(crate) async fn slow_start<F>(count: usize, work: impl Fn(usize) -> F) -> Result<(), Status>
where
    F: Future<Output = Result<(), Status>>,
{
    let (mut done, mut batch) = (0, FIRST_BATCH);
    while done < count {
        let end = count.min(done + batch);
        let results = join_all((done..end).map(&work)).await;
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        (done, batch) = (end, batch * 2);
    }
    Ok(())
}

/// Runs all work at a time, to the end.
///
/// # Errors
/// The first failure.
pub(crate) async fn all<F>(work: impl IntoIterator<Item = F>) -> Result<(), Status>
where
    F: Future<Output = Result<(), Status>>,
{
    join_all(work).await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn batches_double_until_one_fails() {
        let run = |count, fails_at: usize| {
            let seen = RefCell::new(Vec::new());
            let result = futures::executor::block_on(slow_start(count, |index| {
                seen.borrow_mut().push(index);
                async move { if index == fails_at { Err(Status::internal("no")) } else { Ok(()) } }
            }));
            (result.is_ok(), seen.into_inner().len())
        };
        assert_eq!(run(10, 99), (true, 10));
        assert_eq!(run(10, 0), (false, 1));
        assert_eq!(run(10, 2), (false, 3));
        assert_eq!(run(10, 3), (false, 7));
        assert_eq!(run(0, 0), (true, 0));
    }
}
