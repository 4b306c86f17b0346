//! openraft's runtime on [`Env`]: tasks that have an owner, time and randomness that repeat.
//!
//! openraft calls its runtime by static functions, so the member's [`Env`] and the owner of its
//! tasks travel with each task as a task-local [`Scope`]. All tasks of a member end when its
//! [`Tasks`] are dropped. openraft draws randomness in two places (the length of an election
//! time-out and the phase of its ticks), selects through [`AsyncRuntime::select2`], which polls in
//! order, and wakes waiters through [`watch`], which does so in the order of their waiting: so a
//! run under [`Env::simulated`] and a paused clock depends on the seed alone.

mod random;
mod time;
mod watch;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use openraft::rt::{
    AsyncRuntime, Mpsc, MpscReceiver, MpscSender, MpscWeakSender, Mutex, Oneshot, OneshotSender,
    OptionalSend, SendError, TryRecvError,
};
use orchestrator_core::Env;
use tokio::sync::{mpsc, oneshot};

use random::Random;
use time::{Elapsed, Moment, Sleep, Timeout};
use watch::Watched;

tokio::task_local! {
    static SCOPE: Scope;
}

/// The tasks of one member; dropping them ends them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks(Arc<parking_lot::Mutex<orchestrator_core::env::Tasks>>);

/// What a task of a member carries along.
#[derive(Clone)]
struct Scope {
    env: Env,
    /// Weak, for the tasks carry the scope and must not keep themselves alive.
    tasks: Weak<parking_lot::Mutex<orchestrator_core::env::Tasks>>,
}

impl Tasks {
    /// Runs `future`, all tasks that openraft starts in it being these.
    pub(crate) async fn scope<F: Future>(&self, env: &Env, future: F) -> F::Output {
        let scope = Scope { env: env.clone(), tasks: Arc::downgrade(&self.0) };
        SCOPE.scope(scope, future).await
    }

    /// Starts a task of the member itself.
    pub(crate) fn spawn(
        &self,
        env: &Env,
        name: &'static str,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let scope = Scope { env: env.clone(), tasks: Arc::downgrade(&self.0) };
        self.0.lock().push(env.spawn(name, SCOPE.scope(scope, future)));
    }

    /// Ends all tasks, also those that the tasks start while they end.
    pub(crate) fn end(&self) {
        // Dropped outside the lock: a dropped task may drop what wakes or starts another.
        let ended = std::mem::take(&mut *self.0.lock());
        drop(ended);
    }
}

/// The environment of the task that runs; the host's where it is no member's.
fn env() -> Env {
    SCOPE.try_with(|scope| scope.env.clone()).unwrap_or_else(|_| Env::system())
}

/// The runtime; see the module.
#[derive(Debug)]
pub(crate) struct Runtime;

/// The result of a task, whoever owns it.
pub(crate) struct Handle<T>(oneshot::Receiver<T>);

impl<T> Future for Handle<T> {
    type Output = Result<T, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|result| result.map_err(|_| Ended))
    }
}

/// The task was ended, or panicked, before it had a result.
#[derive(Debug)]
pub(crate) struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task ended without a result")
    }
}

impl AsyncRuntime for Runtime {
    type JoinError = Ended;
    type JoinHandle<T: OptionalSend + 'static> = Handle<T>;
    type Sleep = Sleep;
    type Instant = Moment;
    type TimeoutError = Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = Timeout<T>;
    type ThreadLocalRng = Random;
    type Mpsc = Queues;
    type Watch = Watched;
    type Oneshot = Answers;
    type Mutex<T: OptionalSend + 'static> = Lock<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let scope = SCOPE.try_with(Scope::clone).expect("openraft runs inside a member's scope");
        if let Some(tasks) = scope.tasks.upgrade() {
            let task = async move {
                // Nobody may wait for the result.
                let _ = sender.send(future.await);
            };
            let env = scope.env.clone();
            tasks.lock().push(env.spawn("raft", SCOPE.scope(scope, task)));
        }
        Handle(receiver)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        Sleep::for_duration(&env(), duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        Sleep::until(&env(), deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        Timeout::new(Self::sleep(duration), future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
        deadline: Self::Instant,
        future: F,
    ) -> Self::Timeout<R, F> {
        Timeout::new(Self::sleep_until(deadline), future)
    }

    fn is_panic(_: &Self::JoinError) -> bool {
        // A task that ended otherwise has no owner any more who could ask.
        true
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        Random(env())
    }

    fn new(_: usize) -> Self {
        Self
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        tokio::runtime::Handle::current().block_on(future)
    }
}

/// tokio's queues.
pub(crate) struct Queues;

/// The end of a queue that fills it.
pub(crate) struct QueueSender<T>(mpsc::Sender<T>);

/// The end of a queue that empties it.
pub(crate) struct QueueReceiver<T>(mpsc::Receiver<T>);

/// A sender that keeps no queue open.
pub(crate) struct QueueWeakSender<T>(mpsc::WeakSender<T>);

impl<T> Clone for QueueSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Clone for QueueWeakSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Mpsc for Queues {
    type Sender<T: OptionalSend> = QueueSender<T>;
    type Receiver<T: OptionalSend> = QueueReceiver<T>;
    type WeakSender<T: OptionalSend> = QueueWeakSender<T>;

    fn channel<T: OptionalSend>(buffer: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        let (sender, receiver) = mpsc::channel(buffer);
        (QueueSender(sender), QueueReceiver(receiver))
    }
}

impl<T: OptionalSend> MpscSender<Queues, T> for QueueSender<T> {
    async fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.send(message).await.map_err(|refused| SendError(refused.0))
    }

    fn downgrade(&self) -> QueueWeakSender<T> {
        QueueWeakSender(self.0.downgrade())
    }
}

impl<T: OptionalSend> MpscReceiver<T> for QueueReceiver<T> {
    async fn recv(&mut self) -> Option<T> {
        self.0.recv().await
    }

    fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.0.try_recv().map_err(|error| match error {
            mpsc::error::TryRecvError::Empty => TryRecvError::Empty,
            mpsc::error::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }
}

impl<T: OptionalSend> MpscWeakSender<Queues, T> for QueueWeakSender<T> {
    fn upgrade(&self) -> Option<QueueSender<T>> {
        self.0.upgrade().map(QueueSender)
    }
}

/// tokio's channels for one answer.
pub(crate) struct Answers;

/// The end of such a channel that answers.
pub(crate) struct AnswerSender<T>(oneshot::Sender<T>);

impl Oneshot for Answers {
    type Sender<T: OptionalSend> = AnswerSender<T>;
    type Receiver<T: OptionalSend> = oneshot::Receiver<T>;
    type ReceiverError = oneshot::error::RecvError;

    fn channel<T: OptionalSend>() -> (Self::Sender<T>, Self::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (AnswerSender(sender), receiver)
    }
}

impl<T: OptionalSend> OneshotSender<T> for AnswerSender<T> {
    fn send(self, answer: T) -> Result<(), T> {
        self.0.send(answer)
    }
}

/// tokio's lock, which is taken in the order of asking.
pub(crate) struct Lock<T>(tokio::sync::Mutex<T>);

impl<T: OptionalSend + 'static> Mutex<T> for Lock<T> {
    type Guard<'a> = tokio::sync::MutexGuard<'a, T>;

    fn new(value: T) -> Self {
        Self(tokio::sync::Mutex::new(value))
    }

    async fn lock(&self) -> Self::Guard<'_> {
        self.0.lock().await
    }
}
