//! A policy chooses, by scores that are remembered.

use rustc_hash::FxHashMap;

use super::{Change, Chooser};
use crate::trace::arena::Tournament;
use crate::trace::fleet::Room;
use crate::trace::policy::{Policy, Scope};
use crate::trace::replay::{Fleet, Place, Rules, Ties};
use crate::trace::workload::Shape;

/// The scores of one run.
pub(in crate::trace) struct Scored<'a> {
    policy: &'a dyn Policy,
    ties: Ties,
    /// Steps of score within 1.
    resolution: f64,
    /// The place of each shape in `tournaments`.
    shapes: FxHashMap<Shape, usize>,
    tournaments: Vec<Tournament>,
    /// The seats of machines that changed, in order.
    changed: Vec<u32>,
    /// The seats that are looked at again, a bit each; empty between calls.
    stale: Vec<u64>,
}

impl<'a> Scored<'a> {
    /// No score is known yet.
    pub(in crate::trace) fn new(policy: &'a dyn Policy, rules: Rules) -> Self {
        let resolution = f64::from(rules.resolution.unwrap_or_else(|| policy.resolution()).max(1));
        Self {
            policy,
            ties: rules.ties,
            resolution,
            shapes: FxHashMap::default(),
            tournaments: Vec::new(),
            changed: Vec::new(),
            stale: Vec::new(),
        }
    }

    fn told(&self, score: f64) -> i32 {
        (score * self.resolution) as i32
    }

    /// The tournament of a shape among the machines as they are.
    fn tournament(&self, task: &Shape, fleet: &Fleet) -> Tournament {
        let rooms = fleet.rooms();
        let mut tournament = Tournament::new(rooms.len());
        let fitting: Vec<u32> =
            (0..rooms.len() as u32).filter(|seat| rooms[*seat as usize].fits(task)).collect();
        let scores = self.block(task, &fitting, fleet);
        for (seat, score) in fitting.into_iter().zip(scores) {
            tournament.set(seat, Some(self.told(score)));
        }
        tournament.read = self.changed.len();
        tournament
    }

    /// The scores of the machines in some seats.
    fn block(&self, task: &Shape, seats: &[u32], fleet: &Fleet) -> Vec<f64> {
        let mut scores = vec![0.0; seats.len()];
        if self.policy.scope() != Scope::Nothing {
            let rooms: Vec<&Room> =
                seats.iter().map(|seat| &fleet.rooms()[*seat as usize]).collect();
            self.policy.score_block(task, &rooms, &mut scores);
        }
        scores
    }

    /// Lets the tournament know of the machines that changed, each once, as it is now.
    fn refresh(&mut self, task: &Shape, tournament: &mut Tournament, fleet: &Fleet) {
        self.stale.resize(fleet.rooms().len().div_ceil(64), 0);
        for seat in &self.changed[tournament.read..] {
            self.stale[*seat as usize / 64] |= 1 << (seat % 64);
        }
        tournament.read = self.changed.len();
        let is_blind = self.policy.scope() == Scope::Nothing;
        for word in 0..self.stale.len() {
            let mut bits = std::mem::take(&mut self.stale[word]);
            while bits != 0 {
                let seat = (word * 64) as u32 + bits.trailing_zeros();
                bits &= bits - 1;
                let room = &fleet.rooms()[seat as usize];
                let score = match room.fits(task) {
                    false => None,
                    true if is_blind => Some(0),
                    true => Some(self.told(self.policy.score(task, room))),
                };
                tournament.set(seat, score);
            }
        }
    }

    fn pick(&self, tournament: &Tournament, random: &mut fastrand::Rng) -> Option<u32> {
        match (self.ties, self.policy.scope()) {
            (Ties::Seat, Scope::Machine | Scope::Fleet) => tournament.winner(),
            _ => {
                let count = tournament.winners().count();
                tournament.winners().nth(random.usize(..count.max(1)))
            }
        }
    }
}

impl Chooser for Scored<'_> {
    fn choose(&mut self, task: &Shape, fleet: &Fleet, random: &mut fastrand::Rng) -> Option<Place> {
        let known = self.shapes.get(task).copied();
        let index = known.unwrap_or(self.tournaments.len());
        let tournament = match known.filter(|_| self.policy.scope() != Scope::Fleet) {
            None => self.tournament(task, fleet),
            Some(index) => {
                let mut tournament = std::mem::take(&mut self.tournaments[index]);
                self.refresh(task, &mut tournament, fleet);
                tournament
            }
        };
        let seat = self.pick(&tournament, random);
        match known {
            Some(_) => self.tournaments[index] = tournament,
            None => {
                self.shapes.insert(*task, index);
                self.tournaments.push(tournament);
            }
        }
        let seat = seat?;
        let room = &fleet.rooms()[seat as usize];
        let cards = if task.gpus == 0 { 0 } else { self.policy.cards(task, room, random) };
        Some(Place { seat, cards })
    }

    fn changed(&mut self, _: Change, _: &Shape, place: Place, _: &Fleet) {
        self.changed.push(place.seat);
    }
}
