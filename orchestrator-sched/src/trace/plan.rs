//! Many runs at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::inflate::{Unallocated, inflate};
use super::policy::{Make, Policy};
use super::workload::Workload;

/// Which runs are made: each workload under each policy with each seed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan<'a> {
    /// The workloads.
    pub workloads: &'a [Workload],
    /// The policies, by name.
    pub policies: Vec<(&'static str, Make)>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// At which demands the unused GPU is told, in percent of what there is, in order.
    pub demands: Vec<u32>,
}

/// What one run gave.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The name of the workload.
    pub workload: String,
    /// The name of the policy.
    pub policy: &'static str,
    /// The seed.
    pub seed: u64,
    /// The unused GPU at each demand.
    pub unallocated: Vec<Unallocated>,
}

impl<'a> Plan<'a> {
    /// All policies on `workloads`, with the ten seeds and the two demands of the published figures.
    pub fn new(workloads: &'a [Workload]) -> Self {
        let policies = super::policy::POLICIES.to_vec();
        Self { workloads, policies, seeds: (42..=51).collect(), demands: vec![100, 130] }
    }

    /// How many runs there are.
    pub fn runs(&self) -> usize {
        self.workloads.len() * self.policies.len() * self.seeds.len()
    }

    /// Makes all runs on so many threads; `done` is told of each as it ends. The outcomes are in
    /// the order of workloads, policies and seeds, whatever the threads did.
    pub fn run(&self, threads: usize, done: &(dyn Fn() + Sync)) -> Vec<Outcome> {
        let made = self.made_policies();
        let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(vec![None; self.runs()]));
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= self.runs() {
                    break;
                }
                let outcome = self.one(index, &made);
                outcomes.lock().expect("no run panics")[index] = Some(outcome);
                done();
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.max(1) {
                scope.spawn(work);
            }
            work();
        });
        let outcomes = outcomes.into_inner().expect("no run panics");
        outcomes.into_iter().map(|outcome| outcome.expect("all runs were made")).collect()
    }

    /// Each policy for each workload, in the order of the runs.
    fn made_policies(&self) -> Vec<Box<dyn Policy>> {
        let of = |workload| self.policies.iter().map(move |(_, make)| make(workload));
        self.workloads.iter().flat_map(of).collect()
    }

    fn one(&self, index: usize, made: &[Box<dyn Policy>]) -> Outcome {
        let (pair, seed) = (index / self.seeds.len(), self.seeds[index % self.seeds.len()]);
        let workload = &self.workloads[pair / self.policies.len()];
        let policy = &*made[pair];
        Outcome {
            workload: workload.name.clone(),
            policy: policy.name(),
            seed,
            unallocated: inflate(workload, policy, seed, &self.demands),
        }
    }
}
