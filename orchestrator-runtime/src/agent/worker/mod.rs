//! The worker of one pod: looks, plans, acts, reports, waits.
//!
//! Everything that is known about the pod is owned by this one task, so nothing is locked and
//! actions of one pod never race. Long actions run beside the loop as futures that the worker
//! holds; they end by telling the worker what became of them.

mod act;
mod report;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::FutureExt;
use futures::future::AbortHandle;
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_client::KindExt;
use orchestrator_core::env::Busy;
use orchestrator_core::runtime::{PodState, RuntimeExt};

use super::actions::{self, Job};
use super::context::Context;
use super::mailbox::{Mail, Mailbox};
use super::mirror;
use super::pods::Pods;
use super::probes::{self, Probers};
use super::sources::Tokens;
use crate::plan::{Action, Goal, Memory, Rejection, View, Work, goal, plan};

/// How many times a worker plans before it lets others run: more steps than a healthy pod has.
const STEPS: usize = 64;

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
            // What falls due is work in progress as much as news are.
            () = sleep => self.busy = Some(self.context.env.activity().begin()),
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
        if let Some(evicted) = mail.evicted
            && self.memory.rejection.is_none()
        {
            self.context.warning(&self.pod, "", &evicted.reason, evicted.message.clone());
            self.memory.rejection = Some(evicted);
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

    fn renew_tokens(&mut self) {
        let now = self.context.env.now();
        if self.tokens.values().any(|token| token.refresh_at <= now) {
            self.refresh_volumes();
        }
    }
}
