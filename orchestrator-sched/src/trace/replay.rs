//! One run: tasks come, somebody places them, and what is in use is counted.

use super::choose::{Change, Chooser};
use super::fleet::{Cards, Room};
use super::workload::{Shape, Workload};

/// What changes results without being a policy's own; part of what a run records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Who wins among machines with equal scores.
    pub ties: Ties,
    /// How many steps of score are told apart within 1; as many as the policy wants unless said.
    pub resolution: Option<u32>,
}

/// Who wins among machines with equal scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ties {
    /// The machine with the lowest seat; the seats are dealt once per run, by the seed.
    #[default]
    Seat,
    /// Any of them, by chance.
    Random,
}

impl Ties {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seat => "seat",
            Self::Random => "random",
        }
    }
}

/// Machines in their seats, with the tasks on them.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    rooms: Vec<Room>,
    used: Used,
}

/// What tasks use, in thousandths and mebibytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub cpu_milli: i64,
    pub memory_mib: i64,
    pub gpu_milli: i64,
    pub tasks: usize,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub seat: u32,
    pub cards: Cards,
}

impl Fleet {
    /// The machines, by seat.
    pub(super) fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// What tasks use of them.
    pub(super) fn used(&self) -> Used {
        self.used
    }

    fn change(&mut self, change: Change, task: &Shape, place: Place) {
        let room = &mut self.rooms[place.seat as usize];
        let sign = match change {
            Change::Came => {
                assert!(room.fits(task), "a task is put where it fits");
                room.add(task, place.cards);
                self.used.tasks += 1;
                1
            }
            Change::Left => {
                room.remove(task, place.cards);
                self.used.tasks -= 1;
                -1
            }
        };
        self.used.cpu_milli += sign * task.cpu_milli;
        self.used.memory_mib += sign * task.memory_mib;
        self.used.gpu_milli += sign * task.gpu_total();
    }
}

/// Machines under one chooser.
pub(super) struct Replay<'a> {
    fleet: Fleet,
    chooser: Box<dyn Chooser + 'a>,
    random: fastrand::Rng,
    /// The seats of machines that changed since somebody asked.
    changed: Vec<u32>,
}

impl<'a> Replay<'a> {
    /// Empty machines, seated in an order that `seed` decides.
    pub(super) fn new(
        workload: &Workload,
        seed: u64,
        chooser: impl FnOnce(&Fleet) -> Box<dyn Chooser + 'a>,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut rooms: Vec<_> = workload.machines.iter().map(Room::new).collect();
        random.shuffle(&mut rooms);
        let fleet = Fleet { rooms, used: Used::default() };
        Self { chooser: chooser(&fleet), fleet, random, changed: Vec::new() }
    }

    /// The machines and what is in use.
    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The seats of machines that changed since this was asked before, each once.
    pub(super) fn take_changed(&mut self) -> Vec<u32> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Places a task; `None` where no machine fits.
    pub(super) fn place(&mut self, task: &Shape) -> Option<Place> {
        let place = self.chooser.choose(task, &self.fleet, &mut self.random)?;
        self.change(Change::Came, task, place);
        Some(place)
    }

    /// Places tasks that came together, in their order; `None` for those that fit nowhere.
    pub(super) fn place_all(&mut self, tasks: &[Shape]) -> Vec<Option<Place>> {
        let Some(places) = self.chooser.choose_many(tasks, &self.fleet) else {
            return tasks.iter().map(|task| self.place(task)).collect();
        };
        for (task, place) in tasks.iter().zip(&places) {
            if let Some(place) = *place {
                self.change(Change::Came, task, place);
            }
        }
        places
    }

    /// Takes a task away.
    pub(super) fn remove(&mut self, task: &Shape, place: Place) {
        self.change(Change::Left, task, place);
    }

    fn change(&mut self, change: Change, task: &Shape, place: Place) {
        self.fleet.change(change, task, place);
        self.changed.push(place.seat);
        self.chooser.changed(change, task, place, &self.fleet);
    }
}
