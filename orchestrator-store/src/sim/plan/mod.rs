//! What is to happen in a run, as data: made from a seed, cut smaller to find what matters.
//!
//! A plan names no revision and no result: an action refers to what its client saw last. So every
//! part of a plan can be left out, and the rest still makes sense.

mod generate;
mod keep;
mod shrink;

pub use generate::Profile;
pub use keep::{Keep, KeepError};
pub use shrink::shrink;

use std::time::Duration;

use super::disk::DiskFault;

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What all chance derives from.
    pub seed: u64,
    /// How many members there are at first.
    pub places: usize,
    /// The clock of each member, by its place; that of others is right.
    pub clocks: Vec<Clock>,
    /// How long clients and faults act; afterwards everything must heal.
    pub lasting: Duration,
    /// What each client does, one after the other.
    pub clients: Vec<Vec<Step>>,
    /// What goes wrong, by time.
    pub faults: Vec<(Duration, Fault)>,
}

/// A member's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// How much more it shows after each start.
    pub ahead: Duration,
    /// By how many thousandths it is too fast; too slow below 0.
    pub rate_permille: i32,
}

/// One thing that a client does.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// How long it thinks before.
    pub pause: Duration,
    /// The member that it speaks to.
    pub place: usize,
    /// What it does; unlike a place in a list, the number stays when steps before are left out.
    pub number: u32,
    /// What it does.
    pub action: Action,
}

/// What a client does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Writes one key: whatever is there, or only if it is as the client last saw it.
    Put {
        /// The number of the key.
        key: u8,
        /// Only if nobody else wrote meanwhile.
        swap: bool,
        /// How many bytes.
        size: u16,
    },
    /// Writes a leased key with the client's newest lease.
    PutLeased {
        /// The number of the key.
        key: u8,
    },
    /// Writes keys `first..first + count` in one revision.
    PutMany {
        /// The number of the first key.
        first: u8,
        /// How many.
        count: u8,
    },
    /// Deletes one key.
    Delete {
        /// The number of the key.
        key: u8,
    },
    /// Deletes all keys, and writes one, in one revision.
    Clear {
        /// The number of the key that is written.
        key: u8,
    },
    /// Reads one key.
    Get {
        /// The number of the key.
        key: u8,
        /// From the nearest member, however old.
        serializable: bool,
    },
    /// Reads all keys.
    List {
        /// How many revisions back; 0 for the newest.
        back: u8,
        /// From the nearest member, however old.
        serializable: bool,
    },
    /// Watches.
    Watch {
        /// One key, or all.
        key: Option<u8>,
        /// From how many revisions back; 0 for the next.
        back: u8,
        /// How long.
        lasting: Duration,
        /// How often it wants to be told progress.
        progress: Option<Duration>,
    },
    /// Makes a lease.
    Grant {
        /// How long it lives.
        ttl: Duration,
    },
    /// Keeps the client's newest lease alive.
    KeepAlive,
    /// Ends the client's newest lease.
    Revoke,
    /// Asks for the client's newest lease.
    Describe,
    /// Forgets what is older than so many revisions.
    Compact {
        /// How many revisions stay.
        back: u8,
    },
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Members lose power now.
    Crash {
        /// Which.
        places: Vec<usize>,
        /// How long until they are started again.
        down: Duration,
    },
    /// The processes of members are killed; what they wrote stays in the system's memory.
    Kill {
        /// Which.
        places: Vec<usize>,
        /// How long until they are started again.
        down: Duration,
    },
    /// A member loses power just when so many calls of clients have been answered.
    CrashAtAnswer {
        /// Which.
        place: usize,
        /// After how many answers, 1 for the next.
        answers: u32,
        /// How long until it is started again.
        down: Duration,
    },
    /// A member loses power between two steps of its tasks.
    CrashAtStep {
        /// Which.
        place: usize,
        /// Before which step, 1 being the next.
        steps: u64,
        /// How long until it is started again.
        down: Duration,
    },
    /// Something happens to the disk of a member.
    Disk {
        /// Whose.
        place: usize,
        /// What.
        fault: DiskFault,
        /// How long until it is started again, where it stops because of it.
        down: Duration,
    },
    /// A bit of a stopped member's disk changes: it loses power, and starts with the changed bit.
    Rot {
        /// Whose.
        place: usize,
        /// How long until it is started again.
        down: Duration,
    },
    /// A member's disk is full for a while.
    Full {
        /// Whose.
        place: usize,
        /// How many bytes more fit.
        room: u64,
        /// How long.
        lasting: Duration,
    },
    /// Members are cut off from the others for a while; those of one side reach each other.
    Partition {
        /// One side.
        side: Vec<usize>,
        /// How long.
        lasting: Duration,
    },
    /// What one member says does not reach another for a while.
    Cut {
        /// Who speaks.
        from: usize,
        /// Who does not hear.
        to: usize,
        /// How long.
        lasting: Duration,
    },
    /// The network loses, doubles and delays what it carries, for a while.
    Weather {
        /// How bad.
        weather: Weather,
        /// How long.
        lasting: Duration,
    },
    /// A member's process is stopped for a while; its clock and its timers go on.
    Stop {
        /// Which.
        place: usize,
        /// How long.
        lasting: Duration,
    },
    /// What a member says and what is said to it waits for a while.
    Hold {
        /// Which.
        place: usize,
        /// How long.
        lasting: Duration,
    },
    /// Another member is asked to lead.
    Transfer {
        /// Which.
        to: usize,
    },
    /// A new member joins, and votes once it is in sync.
    Join,
    /// A new member joins, and follows without a vote.
    Follow {
        /// After how long it is let vote, if ever.
        promoted: Option<Duration>,
    },
    /// A member is taken out, and its disk thrown away.
    Leave {
        /// Which.
        place: usize,
    },
    /// A member loses its disk, is taken out, and joins again as a new one.
    Replace {
        /// Which.
        place: usize,
        /// How long until it is started again.
        down: Duration,
    },
    /// Watchers are told progress.
    Progress {
        /// By which member.
        place: usize,
    },
}

/// What a network does to what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// How many messages of a thousand are lost.
    pub loss_permille: u32,
    /// How many of a thousand come twice.
    pub double_permille: u32,
    /// The shortest way.
    pub least: Duration,
    /// The longest way; messages overtake each other.
    pub most: Duration,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            loss_permille: 0,
            double_permille: 0,
            least: Duration::from_micros(500),
            most: Duration::from_millis(2),
        }
    }
}
