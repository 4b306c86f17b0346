//! The trace bench: placement policies on recorded workloads, in virtual time.
//!
//! A [`Workload`] is machines and tasks, [read] from a trace or [generated](generate()). A
//! [`Contender`] places tasks: a [`Policy`](policy::Policy), which scores machines; a scheduler or
//! a profile of plugins, which sees them as [nodes and pods](cluster); or a planner of
//! [many pods](crate::batch). A [`Plan`] runs workloads, contenders and seeds against each other
//! on all cores. [`Plan::run`] is the published experiment, in which more and more tasks come and
//! none leaves; [`Plan::timelines`] replays arrivals and departures. A result depends on its own
//! workload, contender and seed only, so the number of threads does not show.
//!
//! How finely scores are told and who wins among equals change results by a factor of two, so
//! both are [rules](Rules) that every outcome records. Unless they say otherwise, scores are as
//! fine as the policy wants, and among equals the machine with the lowest seat wins, the seats
//! being dealt once per run by the seed.
//!
//! # Source
//! Weng et al., Beware of fragmentation: scheduling GPU-sharing workloads with fragmentation
//! gradient descent, USENIX ATC 2023.

mod arena;
#[cfg(feature = "solver")]
mod bound;
mod choose;
pub mod cluster;
mod contender;
mod fleet;
mod generate;
mod inflate;
mod measure;
mod plan;
pub mod policy;
pub mod read;
mod replay;
pub mod report;
#[cfg(test)]
mod tests;
mod timeline;
mod workload;

#[cfg(feature = "solver")]
pub use bound::linear_bound;
pub use contender::Contender;
pub use fleet::{Cards, Room};
pub use generate::generate;
pub use inflate::Point;
pub use measure::{Load, Waits};
pub use plan::{Outcome, Plan};
pub use replay::{Rules, Ties};
pub use timeline::Timeline;
pub use workload::{MAX_CARDS, Machine, Shape, Task, WHOLE_GPU, Workload};
