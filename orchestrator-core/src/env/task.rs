//! Owned tasks: dropping the owner ends the task.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;
use tracing::Instrument;

/// A running task; dropping it stops the task at its next await.
#[derive(Debug)]
#[must_use = "the task ends when this is dropped"]
pub struct Task<T> {
    name: &'static str,
    handle: JoinHandle<T>,
}

impl<T: Send + 'static> Task<T> {
    #[allow(clippy::disallowed_methods)]
    pub(super) fn spawn(
        name: &'static str,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        let span = tracing::debug_span!("task", name);
        Self { name, handle: tokio::spawn(future.instrument(span)) }
    }
}

impl<T> Task<T> {
    /// What the task does, for traces.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

/// The task's result, or `None` if it panicked or the runtime shut down.
impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx).map(Result::ok)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// A set of tasks with one owner; dropping it ends them all.
#[derive(Debug, Default)]
pub struct Tasks {
    tasks: Vec<Task<()>>,
}

impl Tasks {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes ownership of `task`; tasks that have ended are let go.
    pub fn push(&mut self, task: Task<()>) {
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(task);
    }

    /// How many of the tasks still run.
    pub fn running(&self) -> usize {
        self.tasks.iter().filter(|task| !task.is_finished()).count()
    }
}

#[cfg(test)]
mod tests {
    use crate::Env;

    #[tokio::test]
    async fn dropping_a_task_ends_it_and_awaiting_gives_its_result() {
        let env = Env::system();
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let task = env.spawn("held", async move {
            let _held = sender;
            std::future::pending::<()>().await;
        });
        drop(task);
        assert!(receiver.await.is_err());
        assert_eq!(env.spawn("sum", async { 1 + 1 }).await, Some(2));
    }
}
