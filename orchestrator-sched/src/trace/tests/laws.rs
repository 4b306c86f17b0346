//! What holds for every contender, whatever comes.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::arena::Tournament;
use super::super::choose::Scored;
use super::super::cluster::registry;
use super::super::replay::{Replay, Used};
use super::*;
use crate::batch::OneByOne;
use crate::config::Configuration;

proptest! {
    #[test]
    fn a_tournament_agrees_with_a_look_at_all(
        moves in prop::collection::vec((0..13u32, prop::option::of(-5..5i32)), 1..80),
    ) {
        let mut tournament = Tournament::new(13);
        let mut scores = [None; 13];
        for (seat, score) in moves {
            tournament.set(seat, score);
            scores[seat as usize] = score;
            let best = scores.iter().flatten().max();
            let is_best = |seat: &u32| best.is_some() && scores[*seat as usize].as_ref() == best;
            let wanted: Vec<u32> = (0..13).filter(is_best).collect();
            prop_assert_eq!(tournament.winner(), wanted.first().copied());
            prop_assert_eq!(tournament.winners().collect::<Vec<_>>(), wanted);
        }
    }
}

fn kind(kind: usize) -> Shape {
    let limited = Shape { group: 3, max_per_machine: 2, ..shape(0, 0) };
    [shape(0, 0), shape(1, 250), shape(1, 600), shape(1, 1000), shape(2, 1000), limited][kind]
}

fn workload(kinds: &[usize]) -> Workload {
    let machines = vec![machine(1), machine(2), machine(4), machine(2)];
    let tasks = kinds.iter().map(|index| task(kind(*index), 0, 1)).collect();
    Workload::new("w", machines, tasks)
}

/// The shipped policies, a profile of plugins and a planner.
fn contenders() -> Vec<Contender> {
    let mut contenders = Contender::shipped();
    let text = "{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration}";
    contenders.extend(Contender::configured("default-profile", text).unwrap());
    contenders.push(Contender::planner("one-by-one", 4, move |workload| {
        let configuration = Configuration::parse(text, &registry(workload)).unwrap();
        Arc::new(OneByOne::new(Arc::clone(&configuration.profiles[0]) as _))
    }));
    contenders
}

proptest! {
    // Making the policies takes most of the time.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn remembered_scores_are_those_of_the_machines_as_they_are(
        kinds in prop::collection::vec(0..6usize, 1..60), seed in any::<u64>(),
    ) {
        let workload = workload(&kinds);
        let policies: [Box<dyn Policy>; 3] = [
            Box::new(policy::BestFit),
            Box::new(policy::FragmentationGradient::new(&workload)),
            Box::new(policy::CuttingStock::new(&workload)),
        ];
        for policy in policies {
            let told = |score: f64| (score * f64::from(policy.resolution())) as i64;
            let mut replay = Replay::new(&workload, seed, |_| {
                Box::new(Scored::new(&*policy, Rules::default()))
            });
            let mut placed = Vec::new();
            for (index, task) in workload.tasks.iter().enumerate() {
                let before = replay.fleet().rooms().to_vec();
                let score = |room: &Room| {
                    room.fits(&task.shape).then(|| told(policy.score(&task.shape, room)))
                };
                let best = before.iter().filter_map(score).max();
                let place = replay.place(&task.shape);
                let taken = place.and_then(|place| score(&before[place.seat as usize]));
                prop_assert_eq!(taken, best, "{}", policy.name());
                placed.extend(place.map(|place| (task.shape, place)));
                if index % 3 == 2 && !placed.is_empty() {
                    let (shape, place) = placed.swap_remove(0);
                    replay.remove(&shape, place);
                }
            }
        }
    }

    /// What is free and what tasks use is what there is, on every machine and GPU; nothing is
    /// overdrawn; and when all have left, the machines are as they were.
    #[test]
    fn nothing_is_lost_or_overdrawn(
        kinds in prop::collection::vec(0..6usize, 1..40), seed in any::<u64>(),
        leaves in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let workload = workload(&kinds);
        for contender in contenders() {
            let algorithm = contender.algorithm(&workload);
            let mut replay =
                Replay::new(&workload, seed, |fleet| algorithm.chooser(fleet, Rules::default()));
            let empty = replay.fleet().rooms().to_vec();
            let mut placed = Vec::new();
            for (tasks, leave) in workload.tasks.chunks(3).zip(&leaves) {
                let shapes: Vec<_> = tasks.iter().map(|task| task.shape).collect();
                let places = replay.place_all(&shapes);
                prop_assert_eq!(places.len(), shapes.len());
                placed.extend(shapes.into_iter().zip(places).filter_map(|(s, p)| Some((s, p?))));
                if placed.len() > 4 {
                    let (shape, place) = placed.swap_remove(leave.index(placed.len()));
                    replay.remove(&shape, place);
                }
                let mut left = empty.clone();
                let mut used = Used::default();
                for (shape, place) in &placed {
                    let room = &mut left[place.seat as usize];
                    prop_assert!(room.fits(shape), "{}: overdrawn", contender.name());
                    prop_assert_eq!(place.cards.count_ones(), u32::from(shape.gpus));
                    room.add(shape, place.cards);
                    used.cpu_milli += shape.cpu_milli;
                    used.memory_mib += shape.memory_mib;
                    used.gpu_milli += shape.gpu_total();
                    used.tasks += 1;
                }
                for (left, now) in left.iter().zip(replay.fleet().rooms()) {
                    prop_assert_eq!((left.cpu_milli, left.cards), (now.cpu_milli, now.cards));
                    prop_assert_eq!(left.users, now.users);
                }
                prop_assert_eq!(replay.fleet().used(), used);
            }
            placed.iter().for_each(|(shape, place)| replay.remove(shape, *place));
            prop_assert_eq!(replay.fleet().rooms(), &empty[..]);
        }
    }

    /// A task is placed unless no machine has room for it, and waits no longer than that.
    #[test]
    fn a_timeline_places_whoever_has_room(
        tasks in prop::collection::vec((0..6usize, 0..20u64, 0..20u64), 1..30),
    ) {
        let mut workload = workload(&[]);
        workload.tasks = tasks.iter().map(|(k, at, stay)| task(kind(*k), *at, *stay)).collect();
        for contender in contenders() {
            let went = timeline(&workload, contender);
            // Every kind fits an empty fleet, so each has its turn.
            prop_assert_eq!((went.arrived, went.unplaced), (tasks.len(), 0));
            let last = tasks.iter().map(|(_, at, stay)| at + stay).max().unwrap_or(0);
            let first = tasks.iter().map(|(_, at, _)| *at).min().unwrap_or(0);
            prop_assert!(went.length_s >= last - first);
            prop_assert!(went.load.gpu <= 1.0 && went.waits.p50_s <= went.waits.max_s);
        }
    }
}
