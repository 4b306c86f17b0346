//! A placement policy of your own against the shipped ones, on a generated fleet of GPUs.

use orchestrator::sched::trace::policy::{FragmentationGradient, Policy};
use orchestrator::sched::trace::{Contender, Plan, Room, Shape, generate, report};

/// Descends fragmentation; of machines where that makes no difference, takes the one with the
/// least GPU free.
#[derive(Debug)]
struct TightGradient {
    gradient: FragmentationGradient,
}

impl Policy for TightGradient {
    fn name(&self) -> &str {
        "tight-gradient"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        self.gradient.score(task, machine).trunc() - machine.gpu_free() as f64 / 10_000.0
    }

    /// Tells scores apart that differ by a thousandth of a GPU.
    fn resolution(&self) -> u32 {
        10_000
    }
}

fn main() {
    // A tenth of the fleet, so that it takes a moment only.
    let mut fleet = generate(1);
    fleet.machines = fleet.machines.into_iter().step_by(10).collect();
    let workloads = [fleet];
    let mut plan = Plan::new(&workloads);
    plan.contenders.push(Contender::policy("tight-gradient", |workload| TightGradient {
        gradient: FragmentationGradient::new(workload),
    }));
    // The profile of a real scheduler takes part too; it sees nodes and pods.
    let profile = "
        apiVersion: kubescheduler.config.k8s.io/v1
        kind: KubeSchedulerConfiguration
        profiles:
        - plugins: {multiPoint: {disabled: [{name: '*'}], enabled: [{name: PrioritySort},
            {name: NodeResourcesFit}, {name: GpuShare}, {name: DefaultBinder}]}}
          pluginConfig:
          - name: NodeResourcesFit
            args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1},
              {name: alibabacloud.com/gpu-milli, weight: 1}]}}";
    plan.contenders.extend(Contender::configured("most-allocated", profile).expect("it is valid"));
    let wanted = ["best-fit", "fragmentation-gradient", "tight-gradient", "most-allocated"];
    plan.contenders.retain(|contender| wanted.contains(&contender.name()));
    (plan.seeds, plan.demands) = (vec![42], vec![100]);
    let outcomes = plan.run(2, &|| {});
    assert_eq!(outcomes.len(), wanted.len());
    print!("{}", report::markdown(&report::summaries(&outcomes)));
}
