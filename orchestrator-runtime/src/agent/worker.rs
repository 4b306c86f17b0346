//! The worker of one pod: looks, plans, acts, reports, waits.
//!
//! Everything that is known about the pod is owned by this one task, so nothing is locked and
//! actions of one pod never race. Long actions run beside the loop as futures that the worker
//! holds; they end by telling the worker what became of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{AbortHandle, abortable};
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_client::{KindExt, Patch};
use orchestrator_core::Status;
use orchestrator_core::env::Busy;
use orchestrator_core::runtime::{PodState, RuntimeExt};

use super::actions::{self, Done, Job};
use super::context::Context;
use super::mailbox::{Mail, Mailbox};
use super::mirror;
use super::pods::Pods;
use super::probes::{self, Probers};
use super::report;
use super::sources::Tokens;
use super::start::{Start, StartError};
use super::stop::Stop;
use crate::plan::{
    Action, BackOff, Goal, Memory, Rejection, Setback, StopReason, View, Work, goal, members, plan,
    status,
};

/// How many times a worker plans before it lets others run: more steps than a healthy pod has.
const STEPS: usize = 64;

/// The pause before a report that failed is tried again.
const REPORT_RETRY: Duration = Duration::from_secs(1);

/// How often a report is tried at once after somebody else has changed the pod.
const CONFLICTS: usize = 4;

/// The name under which actions of the pod as a whole are under way.
const POD: &str = "";

/// What a worker begins with.
#[derive(Debug)]
pub(super) struct Seed {
    pub(super) pod: Arc<Pod>,
    pub(super) rejection: Option<Rejection>,
    pub(super) gone: bool,
}

/// The worker of one pod.
pub(super) struct Worker {
    context: Arc<Context>,
    mailbox: Arc<Mailbox>,
    pods: Weak<Pods>,
    pod: Arc<Pod>,
    /// What the API has of a static pod.
    mirror: Option<Arc<Pod>>,
    state: PodState,
    memory: Memory,
    jobs: FuturesUnordered<Job>,
    /// How to end what is under way, by container; by the empty name for the pod as a whole.
    under_way: BTreeMap<String, AbortHandle>,
    probers: Probers,
    tokens: Tokens,
    /// How often in a row an action of the whole pod has failed.
    failures: u32,
    report_at: Option<Timestamp>,
    forgotten: bool,
    busy: Option<Busy>,
}

impl Worker {
    pub(super) fn new(
        context: Arc<Context>,
        mailbox: Arc<Mailbox>,
        pods: Weak<Pods>,
        seed: Seed,
    ) -> Self {
        let memory = Memory {
            start_time: Some(context.env.now()),
            rejection: seed.rejection,
            gone: seed.gone,
            ..Memory::default()
        };
        let worker = Self {
            state: PodState::empty(seed.pod.uid()),
            context,
            mailbox,
            pods,
            pod: seed.pod,
            mirror: None,
            memory,
            jobs: FuturesUnordered::new(),
            under_way: BTreeMap::new(),
            probers: Probers::default(),
            tokens: Tokens::new(),
            failures: 0,
            report_at: None,
            forgotten: false,
            busy: None,
        };
        if let Some(rejection) = &worker.memory.rejection {
            let (reason, message) = (rejection.reason.as_str(), rejection.message.clone());
            worker.context.warning(&worker.pod, "", reason, message);
        }
        worker
    }

    /// Runs until the pod is forgotten.
    pub(super) async fn run(mut self) {
        loop {
            let wake_at = self.settle().await;
            if self.forgotten {
                break;
            }
            if self.jobs.is_empty() {
                self.busy = None;
            }
            self.wait(wake_at).await;
        }
        if let Some(mirror) = self.mirror.take()
            && let Err(status) = mirror::remove(&self.context, &mirror).await
        {
            tracing::warn!(pod = %mirror.key(), %status, "mirror not deleted");
        }
        let uid = self.pod.uid().to_owned();
        let pods = self.pods.clone();
        drop(self);
        if let Some(pods) = pods.upgrade() {
            pods.remove(&uid);
        }
    }

    /// Waits for news, for the end of an action, or for the time to look again.
    async fn wait(&mut self, wake_at: Option<Timestamp>) {
        let env = self.context.env.clone();
        let sleep = async {
            match wake_at {
                Some(time) => {
                    let span = time.duration_since(env.now());
                    env.sleep(Duration::try_from(span).unwrap_or_default()).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            mail = self.mailbox.take() => self.accept(mail),
            Some(done) = self.jobs.next(), if !self.jobs.is_empty() => self.finish(done),
            () = sleep => {}
        }
    }

    fn accept(&mut self, mail: Mail) {
        if let Some(pod) = mail.pod
            && pod.revision() > self.pod.revision()
        {
            self.pod = pod;
        }
        if let Some(mirror) = mail.mirror {
            self.mirrored(mirror);
        }
        if mail.gone {
            self.gone();
        }
        for verdict in &mail.verdicts {
            probes::learn(&mut self.memory, &self.pod, verdict);
        }
        if mail.sources {
            self.sources_changed();
        }
        if mail.busy.is_some() {
            self.busy = mail.busy;
        }
    }

    fn mirrored(&mut self, mirror: Option<Arc<Pod>>) {
        // What the API says of the status is what the next one is compared with.
        let status = mirror.as_ref().and_then(|mirror| mirror.status.clone());
        self.pod = Arc::new(Pod { status, ..Pod::clone(&self.pod) });
        self.mirror = mirror;
    }

    /// The object is gone, or the manifest of a static pod is: that one ends with grace.
    fn gone(&mut self) {
        self.memory.gone = true;
        if mirror::is_static(&self.pod) && !self.pod.is_terminating() {
            let mut pod = Pod::clone(&self.pod);
            let spec = pod.spec.as_ref();
            pod.metadata.deletion_timestamp = Some(Time(self.context.env.now()));
            pod.metadata.deletion_grace_period_seconds =
                spec.and_then(|spec| spec.termination_grace_period_seconds);
            self.pod = Arc::new(pod);
        }
    }

    /// What was missing may be there now, and volumes may show something else.
    fn sources_changed(&mut self) {
        self.memory.setback = None;
        for container in self.memory.containers.values_mut() {
            container.setback.take_if(|setback| setback.reason == "CreateContainerConfigError");
        }
        self.refresh_volumes();
    }

    fn refresh_volumes(&mut self) {
        if self.memory.volumes_ready && self.memory.pod_work == Work::Idle {
            self.memory.pod_work = Work::Starting;
            let (context, pod) = (Arc::clone(&self.context), Arc::clone(&self.pod));
            self.launch(POD, actions::volumes(context, pod, self.tokens.clone()));
        }
    }

    /// Plans and acts until there is nothing to do at once, then reports; when to look again.
    async fn settle(&mut self) -> Option<Timestamp> {
        let mut wake_at = None;
        for _ in 0..STEPS {
            self.look().await;
            let plan = plan(self.view());
            wake_at = plan.wake_at;
            let idle = plan.actions.is_empty();
            for action in plan.actions {
                if action == Action::FinishDeletion {
                    self.report().await;
                }
                self.act(action);
            }
            // What ends at once, as in a simulation, needs no report in between.
            match self.jobs.next().now_or_never().flatten() {
                Some(done) => self.finish(done),
                None if idle || !self.jobs.is_empty() => break,
                None => {}
            }
            if self.forgotten {
                return None;
            }
        }
        self.report().await;
        self.renew_tokens();
        let times = [wake_at, self.report_at, self.tokens.values().map(|t| t.refresh_at).min()];
        times.into_iter().flatten().min()
    }

    fn view(&self) -> View<'_> {
        let (pod, state, memory) = (&*self.pod, &self.state, &self.memory);
        View { pod, state, memory, now: self.context.env.now() }
    }

    /// Takes in what the runtime has, and what follows from it.
    async fn look(&mut self) {
        match self.context.runtime.pod(self.pod.uid()).await {
            Ok(state) => self.state = state,
            Err(error) => tracing::warn!(error = %error.chain(), "runtime did not answer"),
        }
        let ending = matches!(goal(self.view()), Goal::End(_));
        if ending && self.memory.ending_since.is_none() {
            self.memory.ending_since = Some(self.context.env.now());
            self.abandon_starts();
        }
        let place = probes::Place {
            context: &self.context,
            mailbox: &self.mailbox,
            pod: &self.pod,
            state: &self.state,
        };
        self.probers.follow(place, &mut self.memory, ending);
        let ended = ending && self.state.containers.iter().all(|c| c.exit().is_some());
        if ended && let Some(pods) = self.pods.upgrade() {
            pods.release(self.pod.uid());
        }
    }

    /// Ends what is being started: the pod shall end.
    fn abandon_starts(&mut self) {
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

    fn act(&mut self, action: Action) {
        let (context, pod) = (Arc::clone(&self.context), Arc::clone(&self.pod));
        let job = match action {
            Action::Start { name, attempt, after } => return self.start(&name, attempt, after),
            Action::Stop { name, container, grace, why } => {
                let (container, id) = (self.spec(&name), container);
                let state = self.state.clone();
                let stop = Stop { context, pod, container, id, grace, why, state, again: false };
                return self.stop(name, stop);
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

    fn stop(&mut self, name: String, mut stop: Stop) {
        let until = self.context.env.now().saturating_add(stop.grace).unwrap_or(Timestamp::MAX);
        let memory = self.memory.container_mut(&name);
        stop.again = matches!(memory.work, Work::Stopping { .. });
        memory.work = Work::Stopping { until };
        let job_name = name.clone();
        let job = async move { Done::Stopped { name: job_name, result: stop.run().await } };
        self.launch(&name, job.boxed());
    }

    /// Begins the start or stop of a container, in place of one that is under way.
    fn launch(&mut self, name: &str, job: Job) {
        let (job, handle) = abortable(job);
        if let Some(before) = self.under_way.insert(name.to_owned(), handle) {
            before.abort();
        }
        self.jobs.push(async move { job.await.unwrap_or(Done::GivenUp) }.boxed());
    }

    fn finish(&mut self, done: Done) {
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

    fn started(&mut self, name: &str, result: Result<super::start::Started, StartError>) {
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

    fn renew_tokens(&mut self) {
        let now = self.context.env.now();
        if self.tokens.values().any(|token| token.refresh_at <= now) {
            self.refresh_volumes();
        }
    }

    /// Writes the status where the API has another.
    async fn report(&mut self) {
        self.report_at = None;
        for _ in 0..CONFLICTS {
            if self.memory.gone {
                return;
            }
            match self.try_report().await {
                Ok(()) => return,
                Err(status) if status.is_conflict() => {}
                Err(status) => return self.report_later(&status),
            }
        }
    }

    async fn try_report(&mut self) -> Result<(), Status> {
        let is_static = mirror::is_static(&self.pod);
        if is_static {
            let mirror = mirror::ensure(&self.context, &self.pod, self.mirror.take()).await?;
            self.mirrored(Some(mirror));
        }
        let wanted = status(self.view(), &self.context.facts);
        let present = self.mirror.as_ref().unwrap_or(&self.pod);
        let Some(patch) = report::patch(present, &wanted) else { return Ok(()) };
        let key = self.pod.key();
        let written = self.context.pods().patch_status(&key, Patch::Merge(patch)).await;
        match written {
            Ok(written) if is_static => self.mirrored(Some(written)),
            Ok(written) => self.newer(written),
            // Without a mirror, a new one is made.
            Err(status) if status.is_not_found() && is_static => {
                self.mirrored(None);
                return Err(Status::new(409, "Conflict", "the mirror is gone"));
            }
            Err(status) if status.is_not_found() => self.memory.gone = true,
            Err(status) if status.is_conflict() => {
                self.read_again().await?;
                return Err(status);
            }
            Err(status) => return Err(status),
        }
        Ok(())
    }

    fn newer(&mut self, pod: Arc<Pod>) {
        if pod.revision() > self.pod.revision() {
            self.pod = pod;
        }
    }

    async fn read_again(&mut self) -> Result<(), Status> {
        match self.context.pods().find(&self.pod.key()).await? {
            found if mirror::is_static(&self.pod) => self.mirrored(found),
            Some(pod) if pod.uid() == self.pod.uid() => self.newer(pod),
            _ => self.memory.gone = true,
        }
        Ok(())
    }

    fn report_later(&mut self, status: &Status) {
        tracing::warn!(pod = %self.pod.key(), %status, "status not written");
        let at = self.context.env.now().saturating_add(REPORT_RETRY);
        self.report_at = Some(at.unwrap_or(Timestamp::MAX));
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
