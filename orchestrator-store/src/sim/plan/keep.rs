//! What is left of a seed's plan, as a short text: so that a small failing plan can be played again
//! by a command, and kept in a table.
//!
//! `f0,3 c s0:4-6,9 s2:1` keeps the faults 0 and 3, the clocks, the steps 4, 5, 6 and 9 of client 0,
//! and step 1 of client 2. What a text means changes with the generator of plans.

use std::fmt;
use std::str::FromStr;

use super::Plan;

/// Which parts of a plan are played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    faults: Vec<u32>,
    clocks: bool,
    /// The numbers of the steps of each client.
    steps: Vec<Vec<u32>>,
}

/// The text says something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no part of a plan, such as f0,3 or c or s0:4-6,9")]
pub struct KeepError(String);

impl Keep {
    /// What of `whole` is left in `part`, in which parts of it were left out.
    pub fn of(whole: &Plan, part: &Plan) -> Self {
        let mut left = part.faults.iter().peekable();
        let is_left = |fault: &_| left.next_if(|next| *next == fault).is_some();
        let faults = whole.faults.iter().map(is_left);
        let faults = (0..).zip(faults.collect::<Vec<_>>());
        Self {
            faults: faults.filter(|(_, left)| *left).map(|(index, _)| index).collect(),
            clocks: !part.clocks.is_empty(),
            steps: part
                .clients
                .iter()
                .map(|steps| steps.iter().map(|step| step.number).collect())
                .collect(),
        }
    }

    /// What of `whole` is kept.
    pub fn apply(&self, whole: &Plan) -> Plan {
        let mut part = whole.clone();
        let kept = |list: &[u32], number: u32| list.binary_search(&number).is_ok();
        let mut numbers = 0..;
        part.faults.retain(|_| kept(&self.faults, numbers.next().unwrap_or_default()));
        if !self.clocks {
            part.clocks.clear();
        }
        for (client, steps) in part.clients.iter_mut().enumerate() {
            let wanted = self.steps.get(client).map(Vec::as_slice).unwrap_or_default();
            steps.retain(|step| kept(wanted, step.number));
        }
        part
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}", ranges(&self.faults))?;
        if self.clocks {
            f.write_str(" c")?;
        }
        for (client, steps) in self.steps.iter().enumerate().filter(|(_, steps)| !steps.is_empty())
        {
            write!(f, " s{client}:{}", ranges(steps))?;
        }
        Ok(())
    }
}

impl FromStr for Keep {
    type Err = KeepError;

    fn from_str(text: &str) -> Result<Self, KeepError> {
        let mut keep = Self { faults: Vec::new(), clocks: false, steps: Vec::new() };
        for part in text.split_whitespace() {
            keep.take(part).ok_or_else(|| KeepError(part.to_owned()))?;
        }
        Ok(keep)
    }
}

/// The most clients that a text may name.
const MAX_CLIENTS: usize = 1000;

impl Keep {
    fn take(&mut self, part: &str) -> Option<()> {
        if let Some(faults) = part.strip_prefix('f') {
            self.faults = numbers(faults)?;
        } else if part == "c" {
            self.clocks = true;
        } else {
            let (client, steps) = part.strip_prefix('s')?.split_once(':')?;
            let client: usize = client.parse().ok().filter(|client| *client < MAX_CLIENTS)?;
            self.steps.resize(self.steps.len().max(client + 1), Vec::new());
            self.steps[client] = numbers(steps)?;
        }
        Some(())
    }
}

/// `1,2,3,5` as `1-3,5`; the numbers grow.
fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|one, next| *next == one + 1);
    let runs = runs.map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(",")
}

/// The other way round.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        numbers.extend(u32::from(first)..=u32::from(last));
    }
    numbers.sort_unstable();
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plan::Profile;

    #[test]
    fn the_text_of_a_part_gives_the_part_again() {
        let whole = (0..).map(|seed| Profile::several().plan(seed));
        let whole = whole.into_iter().find(|plan| plan.faults.len() > 4 && !plan.clocks.is_empty());
        let whole = whole.expect("some plan");
        assert_eq!(Keep::of(&whole, &whole).apply(&whole), whole);
        let mut part = whole.clone();
        part.faults.remove(1);
        part.clients[0].drain(2..5);
        part.clients[1].clear();
        let keep = Keep::of(&whole, &part);
        let text = keep.to_string();
        assert!(text.starts_with("f0,2-") && text.contains(" c s0:0-1,5-"), "{text}");
        assert_eq!(text.parse::<Keep>().unwrap().apply(&whole), part);
    }

    #[test]
    fn another_text_is_refused() {
        for text in ["x", "f1;2", "s1", "s1:a", "s99999:1", "f70000"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }
}
