//! The trace bench: placement policies on recorded workloads, in virtual time.
//!
//! A [`Workload`] is machines and tasks, [read] from a trace or [generated](generate()). A
//! [`Policy`](policy::Policy) scores machines for a task. [`inflate`] is the published experiment,
//! in which more and more tasks come and none leaves; [`timeline`] replays arrivals and
//! departures. A [`Plan`] runs workloads, policies and seeds against each other on all cores; a
//! result depends on its own workload, policy and seed only, so the number of threads does not
//! show.
//!
//! How finely scores are told and who wins among equals change results by a factor of two, so
//! both are recorded: scores are whole numbers as the policy gives them, and among equals the
//! machine with the lowest seat wins, the seats being dealt once per run by the seed.
//!
//! # Source
//! Weng et al., Beware of fragmentation: scheduling GPU-sharing workloads with fragmentation
//! gradient descent, USENIX ATC 2023.

mod arena;
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

pub use fleet::{Cards, Room};
pub use generate::generate;
pub use inflate::{Unallocated, inflate};
pub use measure::{Load, Waits};
pub use plan::{Outcome, Plan};
pub use timeline::{Timeline, timeline};
pub use workload::{MAX_CARDS, Machine, Shape, Task, WHOLE_GPU, Workload};
