//! Acting: begins what a plan wants, and takes in what became of it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::abortable;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Container;

use super::{POD, Worker};
use crate::agent::actions::{self, Done, Job};
use crate::agent::start::{Start, StartError, Started};
use crate::agent::stop::Stop;
use crate::plan::{Action, BackOff, Setback, StopReason, Work, members};

impl Worker {
    /// Ends what is being started: the pod shall end.
    pub(super) fn abandon_starts(&mut self) {
        for (name, container) in &mut self.memory.containers {
            if container.work == Work::Starting {
                container.work = Work::Idle;
                self.under_way.remove(name).into_iter().for_each(|handle| handle.abort());
            }
        }
        if self.memory.pod_work == Work::Starting {
            self.memory.pod_work = Work::Idle;
            self.under_way.remove(POD).into_iter().for_each(|handle| handle.abort());
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        let (context, pod) = (Arc::clone(&self.context), Arc::clone(&self.pod));
        let job = match action {
            Action::Start { name, attempt, after } => return self.start(&name, attempt, after),
            Action::Stop { name, container, grace, until, why } => {
                let (container, id) = (self.spec(&name), container);
                let state = self.state.clone();
                let stop = Stop { context, pod, container, id, grace, why, state, again: false };
                return self.stop(name, until, stop);
            }
            Action::RemoveContainer(id) => {
                return self.jobs.push(actions::remove_container(context, id));
            }
            Action::SetUpVolumes => actions::volumes(context, pod, self.tokens.clone()),
            Action::RunSandbox { attempt } => actions::run_sandbox(context, pod, attempt),
            Action::StopSandbox(id) => actions::stop_sandbox(context, id),
            Action::FinishDeletion => actions::finish_deletion(context, pod),
            Action::Forget => actions::forget(context, pod, self.state.clone()),
        };
        self.memory.pod_work = Work::Starting;
        self.launch(POD, job);
    }

    fn spec(&self, name: &str) -> Arc<Container> {
        let mut members = members(&self.pod);
        let member = members.find(|member| member.name() == name);
        Arc::new(member.map(|member| member.spec.into_owned()).unwrap_or_default())
    }

    fn start(&mut self, name: &str, attempt: u32, after: Option<Timestamp>) {
        let now = self.context.env.now();
        let start = Start {
            context: Arc::clone(&self.context),
            pod: Arc::clone(&self.pod),
            container: self.spec(name),
            attempt,
            state: self.state.clone(),
            tokens: self.tokens.clone(),
        };
        let memory = self.memory.container_mut(name);
        memory.work = Work::Starting;
        // A start that failed is tried again without a longer pause.
        if let Some(ended_at) = after.filter(|_| memory.setback.is_none()) {
            memory.restart = Some(BackOff::next(memory.restart, ended_at, now));
        }
        let job_name = name.to_owned();
        let job = async move { Done::Started { name: job_name, result: start.run().await } };
        self.launch(name, job.boxed());
    }

    fn stop(&mut self, name: String, until: Timestamp, mut stop: Stop) {
        let memory = self.memory.container_mut(&name);
        stop.again = matches!(memory.work, Work::Stopping { .. });
        memory.work = Work::Stopping { until };
        let job_name = name.clone();
        let job = async move { Done::Stopped { name: job_name, result: stop.run().await } };
        self.launch(&name, job.boxed());
    }

    /// Begins the start or stop of a container, in place of one that is under way.
    pub(super) fn launch(&mut self, name: &str, job: Job) {
        let (job, handle) = abortable(job);
        if let Some(before) = self.under_way.insert(name.to_owned(), handle) {
            before.abort();
        }
        self.jobs.push(async move { job.await.unwrap_or(Done::GivenUp) }.boxed());
    }

    pub(super) fn finish(&mut self, done: Done) {
        match done {
            Done::Volumes { tokens, result } => {
                self.tokens = tokens;
                self.memory.volumes_ready |= result.is_ok();
                self.pod_done(result.map_err(|message| ("FailedMount", message)));
            }
            Done::Sandbox(result) => self.pod_done(
                result.map(drop).map_err(|error| ("FailedCreatePodSandBox", error.chain())),
            ),
            Done::SandboxStopped(result) => {
                self.pod_done(result.map_err(|error| ("FailedKillPod", error.chain())));
            }
            Done::DeletionFinished(result) => {
                self.memory.deletion_finished = result.is_ok();
                self.memory.gone |= result.is_ok();
                self.pod_done(result.map_err(|status| ("FailedDelete", status.message)));
            }
            Done::Forgotten(result) => {
                self.forgotten = result.is_ok();
                self.pod_done(result.map_err(|message| ("FailedKillPod", message)));
            }
            Done::Removed | Done::GivenUp => {}
            Done::Started { name, result } => self.started(&name, result),
            Done::Stopped { name, result } => {
                self.under_way.remove(&name);
                self.memory.container_mut(&name).work = Work::Idle;
                if let Err(error) = result {
                    tracing::warn!(container = name, error = %error.chain(), "not stopped");
                }
            }
        }
    }

    /// An action of the whole pod has ended.
    fn pod_done(&mut self, result: Result<(), (&str, String)>) {
        self.memory.pod_work = Work::Idle;
        self.under_way.remove(POD);
        let now = self.context.env.now();
        let Err((reason, message)) = result else {
            self.failures = 0;
            self.memory.setback = None;
            return;
        };
        let pause = actions::pause(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.memory.setback = Some(setback(reason, message, now, pause));
    }

    fn started(&mut self, name: &str, result: Result<Started, StartError>) {
        self.under_way.remove(name);
        let now = self.context.env.now();
        let memory = self.memory.container_mut(name);
        memory.work = Work::Idle;
        match result {
            Ok(started) => {
                (memory.setback, memory.pull) = (None, None);
                if started.hook_failed {
                    memory.health.container = Some(started.id);
                    memory.health.doomed = Some((StopReason::PostStart, None));
                }
            }
            Err(error) => {
                let backoff = BackOff::next(memory.pull, now, now);
                memory.pull = Some(backoff);
                memory.setback = Some(setback(error.reason, error.message, now, backoff.delay));
            }
        }
    }
}

fn setback(reason: &str, message: String, now: Timestamp, pause: Duration) -> Setback {
    Setback {
        reason: reason.to_owned(),
        message,
        failed_at: now,
        retry_at: now.saturating_add(pause).unwrap_or(Timestamp::MAX),
    }
}
