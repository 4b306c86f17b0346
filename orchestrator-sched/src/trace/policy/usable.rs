//! How much GPU of a machine the typical tasks can use.
//!
//! By definition this is a sum over the typical tasks, of which there may be a hundred. Tasks
//! that ask for as much of one GPU differ only in whether their CPU fits, so for each number of
//! CPUs that makes a difference a *row* holds what every GPU is worth by how much of it is free,
//! and what whole GPUs are worth by how many there are; the sum is then a look into the row per
//! GPU.

use std::collections::BTreeMap;

use crate::trace::fleet::Room;
use crate::trace::workload::{MAX_CARDS, Shape, WHOLE_GPU, Workload};

/// The most frequent shapes that make up `share` of the tasks in `tasks`, with their frequencies
/// among them; taken `step` at a time, so that there may be a few more.
pub(super) fn most_frequent(
    tasks: impl Iterator<Item = Shape>,
    share: f64,
    step: usize,
) -> Vec<(Shape, f64)> {
    let mut counts: BTreeMap<Shape, usize> = BTreeMap::new();
    let mut total = 0.0;
    for shape in tasks {
        *counts.entry(shape).or_default() += 1;
        total += 1.0;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let (mut frequent, mut sum) = (Vec::new(), 0.0);
    for (shape, count) in counts {
        if sum >= share && frequent.len().is_multiple_of(step) {
            break;
        }
        let frequency = count as f64 / total;
        sum += frequency;
        frequent.push((shape, frequency));
    }
    frequent
}

/// The typical tasks, and what GPUs are worth to them.
#[derive(Debug)]
pub(super) struct Usable {
    typical: Vec<(Shape, f64)>,
    /// The frequencies added up.
    total: f64,
    /// The sizes that tasks ask of one GPU, by how much is free: how many are no larger.
    size_index: Box<[u16; WHOLE_GPU as usize + 1]>,
    sizes: usize,
    /// For each model: how many CPUs make a difference, in order, and the row from there on.
    models: Vec<(Vec<i64>, Vec<Row>)>,
    /// Whether CPUs and models alone decide what a machine has room for, GPUs aside.
    by_cpu_alone: bool,
}

/// What GPUs are worth where CPUs for certain tasks are there.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// By size index: the frequency of tasks that a GPU with so much room has room for.
    shares: Vec<f64>,
    /// By the number of whole GPUs: the frequency of tasks that ask for several, up to as many.
    whole: [f64; MAX_CARDS + 1],
}

impl Usable {
    /// The typical tasks are the [most frequent](most_frequent) ones; their memory does not count.
    pub(super) fn new(workload: &Workload, share: f64, step: usize) -> Self {
        let tasks = workload.tasks.iter().map(|task| Shape { memory_mib: 0, ..task.shape });
        let typical = most_frequent(tasks, share, step);
        let mut asked: Vec<u16> =
            typical.iter().filter(|(s, _)| s.gpus == 1).map(|(s, _)| s.gpu_milli).collect();
        asked.sort_unstable();
        asked.dedup();
        let at = |free: usize| asked.partition_point(|size| usize::from(*size) <= free) as u16;
        let size_index = Box::new(std::array::from_fn(at));
        let simple = |s: &Shape| s.network == 0 && s.disk_gib == 0 && s.max_per_machine == 0;
        let mut usable = Self {
            total: typical.iter().map(|(_, frequency)| frequency).sum(),
            by_cpu_alone: typical.iter().all(|(shape, _)| simple(shape)),
            size_index,
            sizes: asked.len(),
            models: Vec::new(),
            typical,
        };
        let models = workload.machines.iter().map(|machine| machine.model).max().unwrap_or(0);
        usable.models = (0..=models).map(|model| usable.rows_of(model)).collect();
        usable
    }

    fn rows_of(&self, model: u8) -> (Vec<i64>, Vec<Row>) {
        let mut levels: Vec<i64> = self.typical.iter().map(|(shape, _)| shape.cpu_milli).collect();
        levels.push(i64::MIN);
        levels.sort_unstable();
        levels.dedup();
        let row = |cpu: &i64| {
            self.row_for(|shape| shape.cpu_milli <= *cpu && (shape.models >> model) & 1 == 1)
        };
        let rows = levels.iter().map(row).collect();
        (levels, rows)
    }

    /// The row for the typical tasks of which `fits` says that all but their GPU is there.
    fn row_for(&self, fits: impl Fn(&Shape) -> bool) -> Row {
        let mut row = Row { shares: vec![0.0; self.sizes + 1], whole: [0.0; MAX_CARDS + 1] };
        for (shape, frequency) in self.typical.iter().filter(|(shape, _)| fits(shape)) {
            match shape.gpus {
                0 => {}
                1 => row.shares[self.index(shape.gpu_milli)] += frequency,
                // More GPUs than any machine has are of no use to anybody.
                gpus if usize::from(gpus) > MAX_CARDS => {}
                gpus => row.whole[usize::from(gpus)] += frequency,
            }
        }
        for index in 1..row.shares.len() {
            row.shares[index] += row.shares[index - 1];
        }
        for index in 1..row.whole.len() {
            row.whole[index] += row.whole[index - 1];
        }
        row
    }

    fn index(&self, free: u16) -> usize {
        usize::from(self.size_index[usize::from(free)])
    }

    /// Calls `with` with the row of a machine.
    pub(super) fn with_row<T>(&self, room: &Room, with: impl FnOnce(&Row) -> T) -> T {
        match self.by_cpu_alone {
            true => with(self.row_at(room, room.cpu_milli)),
            false => with(&self.row_for(|shape| {
                shape.cpu_milli <= room.cpu_milli && room.fits_beside_gpus(shape)
            })),
        }
    }

    /// Calls `with` with the row of a machine that has given `task` all but GPUs.
    pub(super) fn with_row_after<T>(
        &self,
        room: &Room,
        task: &Shape,
        with: impl FnOnce(&Row) -> T,
    ) -> T {
        if self.by_cpu_alone {
            return with(self.row_at(room, room.cpu_milli - task.cpu_milli));
        }
        let mut after = room.clone();
        after.add(task, 0);
        self.with_row(&after, with)
    }

    fn row_at(&self, room: &Room, cpu_milli: i64) -> &Row {
        let (levels, rows) = &self.models[usize::from(room.model)];
        let level = levels.partition_point(|level| *level <= cpu_milli);
        &rows[level - 1]
    }

    /// What a GPU is worth of which so much is free.
    pub(super) fn card(&self, row: &Row, free: u16) -> f64 {
        f64::from(free) * row.shares[self.index(free)]
    }

    /// What the GPUs of a machine are worth: how much of them the typical tasks can use.
    pub(super) fn cards(&self, row: &Row, room: &Room) -> f64 {
        let shares: f64 = room.cards().iter().map(|free| self.card(row, *free)).sum();
        shares + Self::whole(row, room.whole_cards())
    }

    /// What so many whole GPUs are worth to tasks that ask for several.
    pub(super) fn whole(row: &Row, count: usize) -> f64 {
        (count * usize::from(WHOLE_GPU)) as f64 * row.whole[count]
    }

    /// The frequencies of the typical tasks added up.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    /// The typical tasks and their frequencies.
    #[cfg(test)]
    pub(super) fn typical(&self) -> &[(Shape, f64)] {
        &self.typical
    }

    /// The GPU of the machine, in thousandths, that typical tasks cannot use.
    pub(super) fn fragmentation(&self, room: &Room) -> f64 {
        let usable = self.with_row(room, |row| self.cards(row, room));
        self.total * room.gpu_free() as f64 - usable
    }
}
