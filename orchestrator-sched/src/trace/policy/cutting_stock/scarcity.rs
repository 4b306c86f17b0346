//! How much tasks insist on a model of GPU.

use crate::trace::workload::{Shape, WHOLE_GPU, Workload};

/// For each model, the square of: the GPU asked for by tasks that do not take any model, over what
/// there is of it, if tasks asked for as much GPU as there is in all. A model that is not
/// insisted on much has enough for others too, so the square.
#[derive(Debug)]
pub(super) struct Scarcity(Vec<f64>);

impl Scarcity {
    /// A task that names several models asks for all of them alike.
    pub(super) fn new(workload: &Workload) -> Self {
        let models = workload.machines.iter().map(|m| usize::from(m.model) + 1).max().unwrap_or(0);
        let mut capacity = vec![0.0; models];
        for machine in &workload.machines {
            capacity[usize::from(machine.model)] += f64::from(machine.gpus);
        }
        let shapes = || workload.tasks.iter().map(|task| task.shape);
        let asked_in_all: i64 = shapes().map(|shape| shape.gpu_total()).sum();
        let factor = capacity.iter().sum::<f64>() / (asked_in_all.max(1)) as f64;
        let mut asked = vec![0.0; models];
        for shape in shapes().filter(|shape| shape.models != Shape::ANY_MODEL) {
            let named = || (0..models).filter(|model| (shape.models >> model) & 1 == 1);
            let there: f64 = named().map(|model| capacity[model]).sum();
            for model in named().filter(|model| capacity[*model] > 0.0) {
                asked[model] += shape.gpu_total() as f64 * factor / there;
            }
        }
        Self(asked.into_iter().map(|asked| asked * asked).collect())
    }

    /// What a task costs those who insist on the model that it gets, in GPUs.
    pub(super) fn of(&self, task: &Shape, model: u8) -> f64 {
        self.0[usize::from(model)] * task.gpu_total() as f64 / f64::from(WHOLE_GPU)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::workload::{Machine, Task};

    #[test]
    fn a_model_is_as_scarce_as_it_is_insisted_on() {
        let machine = |model| {
            let mut machine = Machine::new("m", 1000, 1);
            (machine.gpus, machine.model) = (2, model);
            machine
        };
        let mut picky = Shape::new(1, 1).gpus(1);
        picky.models = 0b01;
        let tasks = vec![Task::new("a", picky), Task::new("b", Shape::new(1, 1).gpus(1))];
        let workload = Workload::new("w", vec![machine(0), machine(1)], tasks);
        // Half of all tasks want model 0, which is half of all GPUs: they would fill it.
        let scarcity = Scarcity::new(&workload);
        assert_eq!((scarcity.of(&picky, 0), scarcity.of(&picky, 1)), (1.0, 0.0));
    }
}
