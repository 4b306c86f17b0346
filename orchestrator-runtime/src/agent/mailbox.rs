//! What a worker has not seen yet: the newest object, verdicts of probes, a call to look again.
//!
//! A mailbox keeps levels, so its size does not depend on how much happens: a newer object takes
//! the place of an older one, and looking again once is enough.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use orchestrator_core::Env;
use orchestrator_core::env::Busy;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::plan::Rejection;
use crate::probe::Verdict;

/// What a worker has not seen yet.
#[derive(Debug)]
pub(super) struct Mailbox {
    env: Env,
    mail: Mutex<Mail>,
    wake: Notify,
}

/// News for a worker.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// The newest object.
    pub(super) pod: Option<Arc<Pod>>,
    /// The newest mirror of a static pod, or that there is none.
    pub(super) mirror: Option<Option<Arc<Pod>>>,
    /// Whether the object is gone.
    pub(super) gone: bool,
    /// Why the pod has to go though nobody deletes it.
    pub(super) evicted: Option<Rejection>,
    /// Whether something that the pod refers to has changed.
    pub(super) sources: bool,
    /// What probes say, in order; as many as a pod has probes, since each tells only changes.
    pub(super) verdicts: Vec<Verdict>,
    /// Whether there is anything at all.
    any: bool,
    /// Counts as work in progress until the worker has dealt with it.
    pub(super) busy: Option<Busy>,
}

impl Mailbox {
    pub(super) fn new(env: Env) -> Self {
        Self { env, mail: Mutex::default(), wake: Notify::new() }
    }

    /// Puts something in and wakes the worker.
    pub(super) fn put(&self, change: impl FnOnce(&mut Mail)) {
        let mut mail = self.mail.lock();
        change(&mut mail);
        mail.any = true;
        if mail.busy.is_none() {
            mail.busy = Some(self.env.activity().begin());
        }
        drop(mail);
        self.wake.notify_one();
    }

    /// Takes everything out; waits until there is something.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub(super) async fn take(&self) -> Mail {
        loop {
            let mail = std::mem::take(&mut *self.mail.lock());
            if mail.any {
                return mail;
            }
            self.wake.notified().await;
        }
    }
}
