//! A placement policy of your own against the shipped ones, on a generated fleet of GPUs.

use orchestrator::sched::trace::policy::{FragmentationGradient, Policy};
use orchestrator::sched::trace::{Contender, Plan, Room, Shape, generate, report};

/// Descends fragmentation, and among machines of which that is equally true takes the one with
/// the fewest CPUs free for each free GPU: the others can still take tasks that need CPUs.
#[derive(Debug)]
struct SparesCpus {
    gradient: FragmentationGradient,
}

impl Policy for SparesCpus {
    fn name(&self) -> &str {
        "spares-cpus"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        let cpus_per_gpu = machine.cpu_milli as f64 / (machine.gpu_free() + 1) as f64;
        self.gradient.score(task, machine).trunc() - cpus_per_gpu.min(1000.0) / 1000.0
    }

    /// Tells scores apart that differ by a thousandth.
    fn resolution(&self) -> u32 {
        1000
    }
}

fn main() {
    let workloads = [generate(1)];
    let mut plan = Plan::new(&workloads);
    plan.contenders.push(Contender::policy("spares-cpus", |workload| SparesCpus {
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
    let wanted = ["best-fit", "fragmentation-gradient", "spares-cpus", "most-allocated"];
    plan.contenders.retain(|contender| wanted.contains(&contender.name()));
    (plan.seeds, plan.demands) = (vec![42], vec![100]);
    let outcomes = plan.run(2, &|| {});
    assert_eq!(outcomes.len(), wanted.len());
    print!("{}", report::markdown(&report::summaries(&outcomes)));
}
