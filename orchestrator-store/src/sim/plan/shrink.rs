//! The smallest plan that still fails: leaves out half, a quarter, ... of the faults and steps, and
//! sets clocks right.

use super::Plan;

/// Leaves out of `plan` what is not needed for `fails`, with at most `tries` runs.
///
/// A part is left out in pieces that get smaller, as in delta debugging: first the faults, for
/// they explain the most, then whole clients, then steps.
pub fn shrink(plan: &Plan, tries: usize, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut tries = tries;
    let mut fails = |plan: &Plan| {
        let left = tries > 0;
        tries = tries.saturating_sub(1);
        left && fails(plan)
    };
    let mut best = with_right_clocks(plan, &mut fails);
    let mut before = usize::MAX;
    while size(&best) < before {
        before = size(&best);
        best = without(best, |plan| &mut plan.faults, &mut fails);
        for client in 0..best.clients.len() {
            best = without_client(best, client, &mut fails);
            best = without(best, |plan| &mut plan.clients[client], &mut fails);
        }
    }
    best
}

fn with_right_clocks(plan: &Plan, fails: &mut impl FnMut(&Plan) -> bool) -> Plan {
    let right = Plan { clocks: Vec::new(), ..plan.clone() };
    if !plan.clocks.is_empty() && fails(&right) { right } else { plan.clone() }
}

/// How many things happen in `plan`.
fn size(plan: &Plan) -> usize {
    plan.faults.len() + plan.clients.iter().map(Vec::len).sum::<usize>()
}

fn without_client(best: Plan, client: usize, fails: &mut impl FnMut(&Plan) -> bool) -> Plan {
    let mut smaller = best.clone();
    smaller.clients[client].clear();
    if best.clients[client].is_empty() || !fails(&smaller) { best } else { smaller }
}

fn without<T: Clone>(
    mut best: Plan,
    list: impl Fn(&mut Plan) -> &mut Vec<T>,
    fails: &mut impl FnMut(&Plan) -> bool,
) -> Plan {
    let mut piece = list(&mut best).len();
    while piece > 0 {
        let mut start = 0;
        while start < list(&mut best).len() {
            let mut smaller = best.clone();
            let items = list(&mut smaller);
            let end = items.len().min(start + piece);
            items.drain(start..end);
            if fails(&smaller) {
                best = smaller;
            } else {
                start += piece;
            }
        }
        piece /= 2;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::plan::{Action, Fault, Profile};

    #[test]
    fn what_remains_is_what_the_failure_needs() {
        let plan = Profile::single().plan(3);
        let fails = |plan: &Plan| {
            let steps = plan.clients.iter().flatten();
            let gets = steps.filter(|step| matches!(step.action, Action::Get { .. })).count();
            gets >= 2 && !plan.faults.is_empty()
        };
        assert!(fails(&plan));
        let small = shrink(&plan, 10_000, fails);
        assert_eq!(size(&small), 3);
        let _: &(_, Fault) = &small.faults[0];
        assert_eq!(shrink(&plan, 0, fails), plan);
    }
}
