//! What is free on each machine, and who is there.

use smallvec::SmallVec;

use super::workload::{MAX_CARDS, Machine, Shape, WHOLE_GPU};

/// Which GPUs of a machine, a bit each.
pub type Cards = u16;

/// A machine as a policy sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Room {
    /// Thousandths of CPUs that are free.
    pub cpu_milli: i64,
    /// Mebibytes of memory that are free.
    pub memory_mib: i64,
    /// Thousandths of each GPU that are free.
    pub cards: [u16; MAX_CARDS],
    /// How many GPUs there are.
    pub gpus: u8,
    /// The model of the GPUs.
    pub model: u8,
    /// Units of network bandwidth that are free.
    pub network: i64,
    /// Gibibytes of disk that are free.
    pub disk_gib: i64,
    /// How many tasks of each application with a limit are here.
    pub groups: SmallVec<[(u16, u16); 4]>,
    /// How many tasks are here by how many GPUs they use; those that share one are at 0.
    pub users: [u16; MAX_CARDS + 1],
}

impl Room {
    /// An empty machine.
    pub fn new(machine: &Machine) -> Self {
        let mut cards = [0; MAX_CARDS];
        cards[..usize::from(machine.gpus)].fill(WHOLE_GPU);
        Self {
            cpu_milli: machine.cpu_milli,
            memory_mib: machine.memory_mib,
            cards,
            gpus: machine.gpus,
            model: machine.model,
            network: machine.network,
            disk_gib: machine.disk_gib,
            groups: SmallVec::new(),
            users: [0; MAX_CARDS + 1],
        }
    }

    /// The GPUs.
    pub fn cards(&self) -> &[u16] {
        &self.cards[..usize::from(self.gpus)]
    }

    /// Thousandths of GPUs that are free.
    pub fn gpu_free(&self) -> i64 {
        // Those that are not there have nothing free; a fixed number is summed at once.
        i64::from(self.cards.iter().sum::<u16>())
    }

    /// How many GPUs nobody uses.
    pub fn whole_cards(&self) -> usize {
        self.cards.iter().filter(|free| **free == WHOLE_GPU).count()
    }

    /// Whether a task of `shape` has room.
    pub fn fits(&self, shape: &Shape) -> bool {
        if shape.cpu_milli > self.cpu_milli || shape.memory_mib > self.memory_mib {
            return false;
        }
        self.fits_beside_gpus(shape) && (shape.gpus == 0 || self.has_cards(shape))
    }

    /// Whether there are the GPUs that a task of `shape` asks for.
    fn has_cards(&self, shape: &Shape) -> bool {
        match shape.gpus {
            1 => self.cards.iter().any(|free| *free >= shape.gpu_milli),
            // Those that are not there have nothing free.
            gpus => {
                let enough = self.cards.iter().filter(|free| **free >= shape.gpu_milli).count();
                enough >= usize::from(gpus)
            }
        }
    }

    /// Whether a task of `shape` has room as far as its network, disk, application and the model
    /// of its GPUs go.
    pub(super) fn fits_beside_gpus(&self, shape: &Shape) -> bool {
        let is_right_model = shape.gpus == 0 || (shape.models >> self.model) & 1 == 1;
        is_right_model
            && shape.network <= self.network
            && shape.disk_gib <= self.disk_gib
            && !self.is_full_of(shape)
    }

    /// Whether the machine takes no more tasks of the application.
    fn is_full_of(&self, shape: &Shape) -> bool {
        shape.max_per_machine > 0
            && self
                .groups
                .iter()
                .any(|(group, count)| *group == shape.group && *count >= shape.max_per_machine)
    }

    /// Puts a task on the machine.
    pub fn add(&mut self, shape: &Shape, cards: Cards) {
        self.change(shape, cards, 1);
    }

    /// Takes a task off the machine.
    pub fn remove(&mut self, shape: &Shape, cards: Cards) {
        self.change(shape, cards, -1);
    }

    fn change(&mut self, shape: &Shape, cards: Cards, sign: i64) {
        self.cpu_milli -= sign * shape.cpu_milli;
        self.memory_mib -= sign * shape.memory_mib;
        self.network -= sign * shape.network;
        self.disk_gib -= sign * shape.disk_gib;
        self.count_user(shape, sign);
        for (index, free) in self.cards.iter_mut().enumerate().filter(|(i, _)| cards >> i & 1 == 1)
        {
            debug_assert!(index < usize::from(self.gpus), "only GPUs that are there are used");
            *free = (i64::from(*free) - sign * i64::from(shape.gpu_milli)) as u16;
        }
    }

    /// Counts a task that came, or left with a negative sign, among those here.
    pub(super) fn count_user(&mut self, shape: &Shape, sign: i64) {
        if shape.max_per_machine > 0 {
            self.count(shape.group, sign);
        }
        if let Some(users) = Self::user_group(shape) {
            self.users[users] = (i64::from(self.users[users]) + sign) as u16;
        }
    }

    fn count(&mut self, group: u16, sign: i64) {
        match self.groups.iter_mut().find(|(other, _)| *other == group) {
            Some((_, count)) => *count = (i64::from(*count) + sign) as u16,
            None => self.groups.push((group, 1)),
        }
        self.groups.retain(|(_, count)| *count > 0);
    }

    /// Where a task is counted in [`users`](Self::users).
    pub fn user_group(shape: &Shape) -> Option<usize> {
        match shape.gpus {
            0 => None,
            _ if shape.shares() => Some(0),
            gpus => Some(usize::from(gpus)),
        }
    }

    /// The GPUs with the least room that have enough.
    pub fn tightest_cards(&self, shape: &Shape) -> Cards {
        let mut chosen = 0;
        for _ in 0..shape.gpus {
            let open = |i: &usize| chosen >> i & 1 == 0 && self.cards[*i] >= shape.gpu_milli;
            let best = (0..usize::from(self.gpus)).filter(open).min_by_key(|i| self.cards[*i]);
            let Some(best) = best else { break };
            chosen |= 1 << best;
        }
        chosen
    }
}
