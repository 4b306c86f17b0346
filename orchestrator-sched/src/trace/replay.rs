//! One run: tasks come, a policy places them, and what is in use is measured.

use std::collections::BTreeMap;

use super::arena::Tournament;
use super::fleet::{Cards, Room};
use super::policy::Policy;
use super::workload::{Shape, Workload};

/// Machines with the tasks on them, under one policy.
pub(super) struct Replay<'a> {
    policy: &'a dyn Policy,
    random: fastrand::Rng,
    /// By seat.
    rooms: Vec<Room>,
    shapes: BTreeMap<Shape, Tournament>,
    /// The seats of machines that changed, in order.
    changed: Vec<u32>,
    allocated_gpu: i64,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    seat: u32,
    cards: Cards,
}

impl<'a> Replay<'a> {
    /// Empty machines, seated in an order that `seed` decides.
    pub(super) fn new(workload: &Workload, policy: &'a dyn Policy, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut rooms: Vec<_> = workload.machines.iter().map(Room::new).collect();
        random.shuffle(&mut rooms);
        let (shapes, changed) = (BTreeMap::new(), Vec::new());
        Self { policy, random, rooms, shapes, changed, allocated_gpu: 0 }
    }

    /// Thousandths of GPUs in use.
    pub(super) fn allocated_gpu(&self) -> i64 {
        self.allocated_gpu
    }

    /// Places a task; `None` where no machine fits.
    pub(super) fn place(&mut self, shape: &Shape) -> Option<Place> {
        let Self { policy, random, rooms, shapes, changed, .. } = self;
        let score = |room: &Room| room.fits(shape).then(|| policy.score(shape, room));
        let tournament = match shapes.get_mut(shape) {
            Some(tournament) => tournament,
            None => {
                let mut tournament = Tournament::new(rooms.len());
                for (seat, room) in rooms.iter().enumerate() {
                    tournament.set(seat as u32, score(room));
                }
                tournament.read = changed.len();
                shapes.entry(*shape).or_insert(tournament)
            }
        };
        // A machine that changed several times is looked at once, at its newest state.
        let mut new: Vec<u32> = changed[tournament.read..].to_vec();
        new.sort_unstable();
        new.dedup();
        for seat in new {
            tournament.set(seat, score(&rooms[seat as usize]));
        }
        tournament.read = changed.len();
        let seat = match policy.is_blind() {
            false => tournament.winner()?,
            true => {
                let open: Vec<_> = tournament.fitting().collect();
                *open.get(random.usize(..open.len().max(1)))?
            }
        };
        let room = &mut rooms[seat as usize];
        let cards = if shape.gpus == 0 { 0 } else { policy.cards(shape, room, random) };
        room.add(shape, cards);
        changed.push(seat);
        self.allocated_gpu += shape.gpu_total();
        Some(Place { seat, cards })
    }

    /// Takes a task away.
    pub(super) fn remove(&mut self, shape: &Shape, place: Place) {
        self.rooms[place.seat as usize].remove(shape, place.cards);
        self.changed.push(place.seat);
        self.allocated_gpu -= shape.gpu_total();
    }

    /// The machines.
    pub(super) fn rooms(&self) -> &[Room] {
        &self.rooms
    }
}
