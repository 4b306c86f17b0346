//! Takes a workload step by step.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use indicatif::ProgressBar;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use orchestrator::core::env::Tasks;
use orchestrator::core::{BoxError, Env, Status};

use super::maker::{Maker, PodSet};
use super::outcome::Outcome;
use super::shape::{NodeShape, PodShape};
use super::tally::{Made, Tally, Times};
use super::target::Target;
use super::usage::Usage;
use super::workload::{Churn, Churned, Counts, Many, Place, Step, Workload};

/// Where churned pods and services are.
const CHURN: &str = "churn";

/// How a workload is run.
pub struct Plan<'a> {
    pub workload: &'static Workload,
    pub counts: Counts,
    pub scheduler: &'a str,
    pub creators: usize,
    pub patience: Duration,
    /// Whose memory and CPU time is told.
    pub pids: &'a [u32],
}

struct Run<'a> {
    plan: &'a Plan<'a>,
    env: Env,
    maker: Maker,
    tally: Tally,
    bar: &'a ProgressBar,
    namespaces: BTreeSet<String>,
    /// What goes on beside the steps, until the end.
    beside: Tasks,
    /// Gives the pods of each step names of their own.
    sets: usize,
}

/// Runs the workload and tells what came out.
///
/// # Errors
/// An object cannot be made, or pods stay without a node.
pub async fn run(target: &Target, plan: &Plan<'_>, bar: &ProgressBar) -> Result<Outcome, BoxError> {
    let mut run = Run {
        plan,
        env: target.client.env().clone(),
        maker: Maker::new(&target.client, plan.scheduler, plan.creators),
        tally: Tally::start(&target.client).await,
        bar,
        namespaces: BTreeSet::new(),
        beside: Tasks::new(),
        sets: 0,
    };
    let outcome = run.steps().await.map(|outcome| match &target.attempts {
        Some(attempts) => outcome.with_attempts(attempts),
        None => outcome,
    });
    if target.is_shared {
        run.beside = Tasks::new();
        let namespaces: Vec<_> = run.namespaces.iter().cloned().collect();
        bar.set_message(format!("{}: clearing up", plan.workload.name));
        let cleared = run.maker.clear(&namespaces).await;
        let outcome = outcome?;
        cleared.map_err(|why| format!("clearing up: {why}"))?;
        return Ok(outcome);
    }
    outcome
}

impl Run<'_> {
    async fn steps(&mut self) -> Result<Outcome, BoxError> {
        let before = Usage::of(self.plan.pids)?;
        self.maker.prepare().await?;
        let mut outcome = None;
        for step in self.plan.workload.steps {
            match *step {
                Step::Nodes(many, shape) => {
                    self.say("nodes", 0);
                    self.maker.nodes(shape, self.plan.counts.of(many)).await?;
                }
                Step::Pods(many, shape, place) => self.pods(many, shape, place).await?,
                Step::Held(many, shape, place) => {
                    for set in self.sets(many, shape, place).await? {
                        self.maker.pods(&set, Made::default()).await?;
                    }
                }
                Step::Churn(shapes, every_ms, how) => self.churn(shapes, every_ms, how).await?,
                Step::Drain(namespace, per_second) => self.drain(namespace, per_second),
                Step::Measure(shape, place) => outcome = Some(self.measure(shape, place).await?),
            }
        }
        let (times, took, spent) = outcome.ok_or("the workload measures nothing")?;
        let memory = Usage::of(self.plan.pids)?.memory;
        Ok(Outcome::new(self.plan, &times, took, spent, (before.memory, memory)))
    }

    fn say(&self, what: &str, count: usize) {
        self.bar.set_length(count as u64);
        self.bar.set_position(0);
        self.bar.set_message(format!("{}: {what}", self.plan.workload.name));
    }

    /// The sets of pods of a step, in namespaces that are there.
    async fn sets(
        &mut self,
        many: Many,
        shape: PodShape,
        place: Place,
    ) -> Result<Vec<PodSet>, BoxError> {
        let namespaces: Vec<_> = match place {
            Place::One(name) => vec![name.to_owned()],
            Place::Each(prefix) => {
                (0..self.plan.counts.namespaces).map(|n| format!("{prefix}-{n}")).collect()
            }
        };
        for namespace in &namespaces {
            self.ensure(namespace).await?;
        }
        self.sets += 1;
        let (count, prefix) = (self.plan.counts.of(many), format!("pod-{}", self.sets));
        let set = |namespace| PodSet { shape, namespace, prefix: prefix.clone(), count };
        Ok(namespaces.into_iter().map(set).collect())
    }

    async fn ensure(&mut self, namespace: &str) -> Result<(), BoxError> {
        match self.namespaces.insert(namespace.to_owned()) {
            true => self.maker.namespace(namespace).await,
            false => Ok(()),
        }
    }

    /// Makes pods and waits for them.
    async fn pods(&mut self, many: Many, shape: PodShape, place: Place) -> Result<(), BoxError> {
        let sets = self.sets(many, shape, place).await?;
        let namespaces: Vec<_> = sets.iter().map(|set| set.namespace.clone()).collect();
        let there = self.tally.bound(&namespaces);
        let count = sets.iter().map(|set| set.count).sum::<usize>();
        self.say("pods before", count);
        for set in &sets {
            self.maker.volumes(set).await?;
            self.maker.pods(set, Made::default()).await?;
        }
        let tell = |bound: usize| self.bar.set_position(bound.saturating_sub(there) as u64);
        self.tally.wait(&namespaces, there + count, self.plan.patience, tell).await
    }

    /// Makes pods, waits for them, and takes the time.
    async fn measure(
        &mut self,
        shape: PodShape,
        place: Place,
    ) -> Result<(Times, Duration, Duration), BoxError> {
        let sets = self.sets(Many::Just(self.plan.counts.pods), shape, place).await?;
        let [set] = sets.as_slice() else { return Err("several namespaces are measured".into()) };
        self.maker.volumes(set).await?;
        self.say("measuring", set.count);
        let made: Made = (0..set.count).map(|_| AtomicU64::new(0)).collect();
        let before = Usage::of(self.plan.pids)?;
        let namespaces = [set.namespace.clone()];
        let wanted = self.tally.bound(&namespaces) + set.count;
        self.tally.measure(&set.namespace, Arc::clone(&made));
        let begun = self.env.instant();
        let tell = |bound: usize| self.bar.set_position(bound as u64);
        let waiting = self.tally.wait(&namespaces, wanted, self.plan.patience, tell);
        futures::future::try_join(self.maker.pods(set, made), waiting).await?;
        let took = self.env.instant() - begun;
        Ok((self.tally.times(), took, Usage::of(self.plan.pids)?.cpu.saturating_sub(before.cpu)))
    }

    /// Begins to make objects in turns, one each time.
    async fn churn(
        &mut self,
        shapes: &'static [Churned],
        every_ms: u64,
        how: Churn,
    ) -> Result<(), BoxError> {
        self.ensure(CHURN).await?;
        let (maker, env) = (self.maker.clone(), self.env.clone());
        self.beside.push(self.env.spawn("churn", async move {
            for number in 0_u64.. {
                for (index, shape) in shapes.iter().enumerate() {
                    let name = match how {
                        Churn::Create => format!("churn-{index}-{number}"),
                        Churn::Recreate => format!("churn-{index}"),
                    };
                    if how == Churn::Recreate && number > 0 {
                        tell(unmake(&maker, *shape, &name).await);
                    }
                    tell(make(&maker, *shape, &name).await);
                    env.sleep(Duration::from_millis(every_ms)).await;
                }
            }
        }));
        Ok(())
    }

    /// Begins to delete the first pods of a namespace.
    fn drain(&mut self, namespace: &'static str, per_second: u64) {
        let (maker, env) = (self.maker.clone(), self.env.clone());
        let (count, set) = (self.plan.counts.init, self.sets);
        let pause = Duration::from_secs(1) / u32::try_from(per_second.max(1)).unwrap_or(u32::MAX);
        self.beside.push(self.env.spawn("drain", async move {
            for index in 0..count {
                tell(maker.delete::<Pod>(namespace, &format!("pod-{set}-{index}")).await);
                env.sleep(pause).await;
            }
        }));
    }
}

/// What happens beside the measurement may fail without harm, but not in silence.
fn tell(done: Result<(), Status>) {
    if let Err(status) = done {
        tracing::warn!(%status, "churn");
    }
}

async fn make(maker: &Maker, what: Churned, name: &str) -> Result<(), Status> {
    match what {
        Churned::Pod(shape) => maker.pod(shape, CHURN, name).await,
        Churned::Node => maker.node(NodeShape::Full, name, 0).await,
        Churned::Service => maker.service(CHURN, name).await,
    }
}

async fn unmake(maker: &Maker, what: Churned, name: &str) -> Result<(), Status> {
    match what {
        Churned::Pod(_) => maker.delete::<Pod>(CHURN, name).await,
        Churned::Node => maker.delete::<Node>("", name).await,
        Churned::Service => maker.delete::<Service>(CHURN, name).await,
    }
}
