//! What runs have exercised, counted where it happens and not where it was planned: so that a
//! fault which never strikes, or a check that never checks, is seen.

use std::fmt;

macro_rules! things {
    ($($(#[doc = $doc:literal])* $name:ident = $label:literal,)*) => {
        /// Something that can happen in a run.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Thing {
            $($(#[doc = $doc])* $name,)*
        }

        impl Thing {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What it is called.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

things! {
    /// Power failed at a moment of the plan.
    PowerAtMoment = "power fails at a moment",
    /// Power failed in a call of the disk.
    PowerInCall = "power fails in a call of the disk",
    /// Power failed when a call of a client was answered.
    PowerAtAnswer = "power fails at an answer",
    /// Power failed between two steps of some task.
    PowerAtStep = "power fails between two steps of a task",
    /// A step of a member's task, at each of which power could have failed.
    Step = "step of a task",
    /// Most members, or all, went down at one moment.
    ManyDown = "several members go down at once",
    /// A process was killed.
    Killed = "process killed",
    /// A process was stopped for a while.
    Stopped = "process stopped for a while",
    /// A life of a member with a clock that runs fast or slow.
    WrongClock = "life with a clock too fast or too slow",
    /// A member started.
    Started = "start of a member",
    /// A start that failed, or in which the member went down.
    StartFailed = "start that failed",
    /// Something un-synced was lost.
    SectorLost = "un-synced sector lost",
    /// A name that was not synced was lost, or came back.
    NameLost = "un-synced name lost",
    /// A sync failed.
    SyncFailed = "failed sync",
    /// A write failed half done.
    WriteFailed = "failed write",
    /// A read failed.
    ReadFailed = "failed read",
    /// A write found the disk full.
    DiskFull = "write to a full disk",
    /// A bit of what was safe changed.
    BitFlipped = "flipped bit",
    /// A message arrived.
    Carried = "message that arrives",
    /// A message was lost.
    Lost = "lost message",
    /// A message came twice.
    Doubled = "doubled message",
    /// A message arrived before one that was sent earlier on the same way.
    Overtaken = "message that overtakes another",
    /// A cut in one direction.
    OneWayCut = "one-way cut",
    /// A cut between two sides.
    Partition = "partition",
    /// A member's messages were held for a while.
    Stalled = "member whose messages are held",
    /// An election that led to a commit.
    Term = "term with a commit",
    /// A leader handed over because it was asked to.
    Transferred = "leader transfer",
    /// A new member joined to vote.
    Joined = "member that joins",
    /// A new member joined to follow.
    LearnerJoined = "learner that joins",
    /// A learner was let vote.
    Promoted = "learner that is promoted",
    /// A member was taken out.
    Removed = "member that is removed",
    /// A member lost its disk.
    DiskReplaced = "disk that is replaced",
    /// A member made an image of its state.
    ImageMade = "image made",
    /// A member took over another's image.
    ImageInstalled = "image installed",
    /// A member forgot the beginning of its log.
    Purged = "purge of the log",
    /// A write was answered.
    Wrote = "write",
    /// A transaction whose condition did not hold.
    ConditionFailed = "write whose condition fails",
    /// A linearizable read was answered.
    Read = "linearizable read",
    /// A serializable read was answered.
    ReadSerializable = "serializable read",
    /// A read of the past was answered.
    ReadPast = "read of the past",
    /// History was forgotten.
    Compacted = "compaction",
    /// A call was refused.
    Refused = "refused call",
    /// A call had no answer.
    Unknown = "call without an answer",
    /// A client's watch that was given something.
    Watched = "watch of a client",
    /// A revision given to a watch.
    Delivered = "revision given to a watch",
    /// Progress told to a watch.
    Progress = "progress told to a watch",
    /// A lease was granted.
    Granted = "lease granted",
    /// A lease was kept alive.
    KeptAlive = "lease kept alive",
    /// A lease was revoked.
    Revoked = "lease revoked",
    /// A lease was over, and its keys went.
    Expired = "lease that ends by itself",
    /// An entry that a second member applied as the first did.
    EntryAgreed = "log entry compared",
    /// An image of a member that was compared with another's.
    ImageAgreed = "image compared",
    /// The calls about one key were put in order.
    KeyOrdered = "history of a key put in order",
    /// All calls of a run were put in one order.
    RunOrdered = "history of a run put in order",
    /// The search for such an order came to its bound.
    RunGivenUp = "search for that order given up",
}

/// How often each thing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    counts: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { counts: vec![0; Thing::ALL.len()] }
    }
}

impl Coverage {
    /// Counts one.
    pub fn saw(&mut self, thing: Thing) {
        self.saw_many(thing, 1);
    }

    /// Counts some.
    pub fn saw_many(&mut self, thing: Thing, count: u64) {
        self.counts[thing as usize] += count;
    }

    /// How often `thing` happened.
    pub fn count(&self, thing: Thing) -> u64 {
        self.counts[thing as usize]
    }

    /// Adds what another run exercised.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }
}

/// What many runs exercised: how often, and in how many of them.
#[derive(Clone, Debug, Default)]
pub struct Table {
    total: Coverage,
    runs: Coverage,
}

impl Table {
    /// Adds a run.
    pub fn add(&mut self, run: &Coverage) {
        self.total.add(run);
        for thing in Thing::ALL.iter().filter(|thing| run.count(**thing) > 0) {
            self.runs.saw(*thing);
        }
    }

    /// What never happened.
    pub fn missing(&self) -> Vec<Thing> {
        let missing = |thing: &Thing| self.total.count(*thing) == 0;
        Thing::ALL.iter().copied().filter(missing).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44}{:>14}{:>10}", "exercised", "times", "in runs")?;
        for thing in Thing::ALL {
            let (times, runs) = (self.total.count(*thing), self.runs.count(*thing));
            writeln!(f, "{:<44}{times:>14}{runs:>10}", thing.label())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_what_happened_and_what_never_did() {
        let mut run = Coverage::default();
        run.saw_many(Thing::Lost, 3);
        let mut table = Table::default();
        table.add(&run);
        table.add(&run);
        table.add(&Coverage::default());
        let shown = table.to_string();
        let line = shown.lines().find(|line| line.starts_with("lost message")).unwrap();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["lost", "message", "6", "2"]);
        assert!(!table.missing().contains(&Thing::Lost));
        assert_eq!(table.missing().len(), Thing::ALL.len() - 1);
    }
}
