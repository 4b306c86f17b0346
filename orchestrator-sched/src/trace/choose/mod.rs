//! Who chooses machines: a policy by scores, or a scheduler by the objects of a cluster.

mod scheduled;
mod scored;

pub(super) use scheduled::{Decider, Scheduled};
pub(super) use scored::Scored;

use super::replay::{Fleet, Place};
use super::workload::Shape;

/// Chooses machines in one run.
pub(super) trait Chooser {
    /// Chooses for a task; `None` where no machine fits.
    fn choose(&mut self, task: &Shape, fleet: &Fleet, random: &mut fastrand::Rng) -> Option<Place>;

    /// Takes note that a task came to its place, or left it.
    fn changed(&mut self, change: Change, task: &Shape, place: Place, fleet: &Fleet);

    /// Chooses for several tasks at once; `None` where the chooser takes them one by one.
    fn choose_many(&mut self, tasks: &[Shape], fleet: &Fleet) -> Option<Vec<Option<Place>>> {
        let _ = (tasks, fleet);
        None
    }
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It is in its place.
    Came,
    /// It is not there any more.
    Left,
}
