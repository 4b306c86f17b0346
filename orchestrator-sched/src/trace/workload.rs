//! Machines, and the tasks that come to them.

/// The most GPUs of a machine.
pub const MAX_CARDS: usize = 16;

/// A whole GPU, in thousandths.
pub const WHOLE_GPU: u16 = 1000;

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Machine {
    /// Its name.
    pub name: Box<str>,
    /// Thousandths of CPUs.
    pub cpu_milli: i64,
    /// Mebibytes of memory.
    pub memory_mib: i64,
    /// GPUs, at most [`MAX_CARDS`].
    pub gpus: u8,
    /// The number of the GPUs' model in [`Workload::models`].
    pub model: u8,
    /// Units of network bandwidth; 0 where nobody asks for any.
    pub network: i64,
    /// Gibibytes of disk; 0 where nobody asks for any.
    pub disk_gib: i64,
}

/// What a task asks for. Tasks that ask for the same are of one shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Shape {
    /// Thousandths of CPUs.
    pub cpu_milli: i64,
    /// Mebibytes of memory.
    pub memory_mib: i64,
    /// How many GPUs; 0 for none.
    pub gpus: u8,
    /// Thousandths of each GPU: [`WHOLE_GPU`], or less of one.
    pub gpu_milli: u16,
    /// The models that will do, a bit each.
    pub models: u64,
    /// Units of network bandwidth.
    pub network: i64,
    /// Gibibytes of disk.
    pub disk_gib: i64,
    /// The application that it belongs to, by number; 0 for none.
    pub group: u16,
    /// How many tasks of its group a machine takes; 0 for any number.
    pub max_per_machine: u16,
}

impl Shape {
    /// Any model will do.
    pub const ANY_MODEL: u64 = u64::MAX;

    /// So much CPU and memory, and nothing else.
    pub fn new(cpu_milli: i64, memory_mib: i64) -> Self {
        Self { cpu_milli, memory_mib, models: Self::ANY_MODEL, ..Self::default() }
    }

    /// So many whole GPUs.
    #[must_use]
    pub fn gpus(self, gpus: u8) -> Self {
        Self { gpus, gpu_milli: if gpus > 0 { WHOLE_GPU } else { 0 }, ..self }
    }

    /// So many thousandths of one GPU; at least one, at most all.
    #[must_use]
    pub fn share(self, gpu_milli: u16) -> Self {
        Self { gpus: 1, gpu_milli: gpu_milli.clamp(1, WHOLE_GPU), ..self }
    }

    /// Thousandths of GPUs in all.
    pub fn gpu_total(&self) -> i64 {
        i64::from(self.gpus) * i64::from(self.gpu_milli)
    }

    /// Whether the task shares a GPU with others.
    pub fn shares(&self) -> bool {
        self.gpus == 1 && self.gpu_milli < WHOLE_GPU
    }
}

/// Gives numbers to applications, from 1; what is called nothing has 0.
#[derive(Debug, Default)]
pub(super) struct Groups(std::collections::BTreeMap<String, u16>);

impl Groups {
    /// The number of an application. Beyond 65,535 of them, those that come later share one.
    pub(super) fn number(&mut self, name: &str) -> u16 {
        if name.is_empty() {
            return 0;
        }
        let next = u16::try_from(self.0.len() + 1).unwrap_or(u16::MAX);
        *self.0.entry(name.to_owned()).or_insert(next)
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Task {
    /// Its name.
    pub name: Box<str>,
    /// What it asks for.
    pub shape: Shape,
    /// When it comes, in seconds; `None` where that is not known.
    pub arrival_s: Option<u64>,
    /// How long it stays, in seconds; `None` for ever.
    pub duration_s: Option<u64>,
}

/// Machines and tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Workload {
    /// What people call it.
    pub name: String,
    /// The machines.
    pub machines: Vec<Machine>,
    /// The tasks, in the order of the file.
    pub tasks: Vec<Task>,
    /// The names of GPU models, by number.
    pub models: Vec<String>,
}

impl Machine {
    /// So much CPU and memory, and nothing else.
    pub fn new(name: &str, cpu_milli: i64, memory_mib: i64) -> Self {
        let (gpus, model, network, disk_gib) = (0, 0, 0, 0);
        Self { name: name.into(), cpu_milli, memory_mib, gpus, model, network, disk_gib }
    }
}

impl Task {
    /// A task that comes at no known time and stays.
    pub fn new(name: &str, shape: Shape) -> Self {
        Self { name: name.into(), shape, arrival_s: None, duration_s: None }
    }
}

impl Workload {
    /// Machines and tasks, without names of models.
    pub fn new(name: &str, machines: Vec<Machine>, tasks: Vec<Task>) -> Self {
        Self { name: name.to_owned(), machines, tasks, models: Vec::new() }
    }

    /// The same with tasks that come so many times as fast, and stay as long.
    #[must_use]
    pub fn faster(mut self, times: u32) -> Self {
        for task in &mut self.tasks {
            task.arrival_s = task.arrival_s.map(|at| at / u64::from(times.max(1)));
        }
        self
    }

    /// Thousandths of GPUs of all machines.
    pub fn gpu_capacity(&self) -> i64 {
        self.machines.iter().map(|machine| i64::from(machine.gpus) * i64::from(WHOLE_GPU)).sum()
    }
}
