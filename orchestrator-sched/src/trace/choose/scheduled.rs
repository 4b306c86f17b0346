//! A scheduler, or a planner, chooses from the objects of a cluster.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use orchestrator_core::scheduler::{Decision, PodInfo, Scheduler, Snapshot};

use super::{Change, Chooser};
use crate::batch::BatchPlanner;
use crate::trace::cluster::{node, pod, seat_of};
use crate::trace::fleet::Room;
use crate::trace::replay::{Fleet, Place, Rules, Ties};
use crate::trace::workload::Shape;

/// The cluster of one run.
pub(in crate::trace) struct Scheduled<'a> {
    decider: Decider<'a>,
    ties: Ties,
    /// The machines without tasks, by seat.
    empty: Vec<Room>,
    snapshot: Snapshot,
    /// The pods on each machine; those of one shape are as good as each other.
    placed: BTreeMap<(u32, Shape), Vec<Arc<PodInfo>>>,
    /// The pods that were decided on and have not come yet.
    coming: VecDeque<Arc<PodInfo>>,
    /// How many pods were made.
    pods: u64,
}

/// Who decides.
pub(in crate::trace) enum Decider<'a> {
    /// One pod at a time.
    Scheduler(&'a dyn Scheduler),
    /// Many at once.
    Planner(&'a dyn BatchPlanner),
}

impl<'a> Scheduled<'a> {
    /// A cluster of empty machines.
    pub(in crate::trace) fn new(decider: Decider<'a>, fleet: &Fleet, rules: Rules) -> Self {
        let empty = fleet.rooms().to_vec();
        let mut snapshot = Snapshot::default();
        for (seat, room) in (0..).zip(&empty) {
            snapshot.set_node(Arc::new(node(seat, room, room)));
        }
        let (placed, coming) = (BTreeMap::new(), VecDeque::new());
        Self { decider, ties: rules.ties, empty, snapshot, placed, coming, pods: 0 }
    }

    fn pod(&mut self, task: &Shape) -> Arc<PodInfo> {
        self.pods += 1;
        pod(self.pods, task)
    }

    /// The seat that a scheduler chooses; one of the best on which the GPUs have room.
    fn seat(
        &self,
        scheduler: &dyn Scheduler,
        pod: &PodInfo,
        task: &Shape,
        fleet: &Fleet,
        random: &mut fastrand::Rng,
    ) -> Option<u32> {
        let Decision::Bind(placement) = scheduler.schedule(pod, &self.snapshot) else {
            return None;
        };
        let seats = placement.best.iter().filter_map(|name| seat_of(name));
        let seats: Vec<u32> =
            seats.filter(|seat| fleet.rooms()[*seat as usize].fits(task)).collect();
        match self.ties {
            Ties::Seat => seats.first().copied(),
            Ties::Random => seats.get(random.usize(..seats.len().max(1))).copied(),
        }
    }
}

impl Chooser for Scheduled<'_> {
    fn choose(&mut self, task: &Shape, fleet: &Fleet, random: &mut fastrand::Rng) -> Option<Place> {
        let Decider::Scheduler(scheduler) = self.decider else {
            let mut places = self.choose_many(std::slice::from_ref(task), fleet)?;
            return places.pop().flatten();
        };
        let pod = self.pod(task);
        let seat = self.seat(scheduler, &pod, task, fleet, random)?;
        self.coming.push_back(pod);
        Some(Place { seat, cards: fleet.rooms()[seat as usize].tightest_cards(task) })
    }

    fn changed(&mut self, change: Change, task: &Shape, place: Place, fleet: &Fleet) {
        let seat = place.seat;
        let (empty, now) = (&self.empty[seat as usize], &fleet.rooms()[seat as usize]);
        let node = node(seat, empty, now);
        let name = node.metadata.name.clone().unwrap_or_default();
        let pods = self.placed.entry((seat, *task)).or_default();
        match change {
            Change::Came => {
                let pod = self.coming.pop_front().expect("who comes was decided on");
                self.snapshot.assume(Arc::clone(&pod), &name);
                pods.push(pod);
            }
            Change::Left => {
                let pod = pods.pop().expect("who leaves was there");
                self.snapshot.forget(&pod.id, &name);
            }
        }
        if pods.is_empty() {
            self.placed.remove(&(seat, *task));
        }
        self.snapshot.set_node(Arc::new(node));
    }

    fn choose_many(&mut self, tasks: &[Shape], fleet: &Fleet) -> Option<Vec<Option<Place>>> {
        let Decider::Planner(planner) = self.decider else { return None };
        let pods: Vec<_> = tasks.iter().map(|task| self.pod(task)).collect();
        let plan = planner.plan(&pods, &self.snapshot);
        let mut rooms: BTreeMap<u32, Room> = BTreeMap::new();
        let mut places = vec![None; tasks.len()];
        for (index, (task, name)) in tasks.iter().zip(&plan.nodes).enumerate() {
            let Some(seat) = name.as_deref().and_then(seat_of) else { continue };
            let Some(now) = fleet.rooms().get(seat as usize) else { continue };
            let room = rooms.entry(seat).or_insert_with(|| now.clone());
            // A planner knows sums, not single GPUs; who does not fit waits.
            if room.fits(task) {
                let cards = room.tightest_cards(task);
                room.add(task, cards);
                places[index] = Some(Place { seat, cards });
                self.coming.push_back(Arc::clone(&pods[index]));
            }
        }
        Some(places)
    }
}
