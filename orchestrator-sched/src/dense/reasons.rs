//! Why nodes do not take the pods of a class, found out when no node does.
//!
//! Most pods find a node, so the reasons are not kept up to date with the scores, but follow the
//! log by themselves.

use std::collections::BTreeSet;

use orchestrator_core::scheduler::{NodeInfo, PodInfo};

use super::class::View;
use super::local::{Local, Unfit};
use super::refusals::{Cause, Refusals};
use super::statics::VACANT;
use super::table::{Slot, Table};
use crate::framework::{Refusal, Refused};

/// The reasons of nodes by themselves.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    refusals: Refusals,
    /// How far the log is read, and the generation of the cells; `None` where nothing is known.
    seen: Option<(u64, u64)>,
}

impl Reasons {
    /// Why a node does not take the pods, as of the last update.
    pub fn of(&self, slot: Slot) -> Option<&Refused> {
        self.refusals.of(slot)
    }

    /// The reasons that hold for any node, with how many.
    pub fn all(&self) -> impl Iterator<Item = (&Refused, usize)> {
        self.refusals.all()
    }

    /// Looks at the nodes that have changed; `None` where the pod is rejected as a whole.
    pub fn update(&mut self, pod: &PodInfo, view: View<'_>, table: &Table) -> Option<()> {
        let local = Local::new(view.framework, view.plan, pod, view.snapshot)?;
        let generation = view.statics.generation();
        let read = self.seen.filter(|(_, seen)| *seen == generation).map(|(position, _)| position);
        match read.and_then(|position| table.log.since(position)) {
            Some(changes) => {
                for dirty in changes {
                    let name = table.name(dirty.slot).filter(|_| local.needs_node());
                    let node = name.and_then(|name| view.snapshot.node(name)).map(|node| &**node);
                    self.look(dirty.slot, node, &local, view, table);
                }
            }
            None => {
                self.refusals = Refusals::default();
                for (slot, node) in table.nodes(view.snapshot) {
                    self.look(slot, Some(node), &local, view, table);
                }
            }
        }
        self.seen = Some((table.log.end(), generation));
        Some(())
    }

    fn look(
        &mut self,
        slot: Slot,
        node: Option<&NodeInfo>,
        local: &Local<'_>,
        view: View<'_>,
        table: &Table,
    ) {
        let cell = view.statics.of(slot);
        let nobody = || (BTreeSet::new(), Refusal::unresolvable(""));
        if cell == VACANT {
            return self.refusals.set(slot, None, nobody);
        }
        if let Some(refused) = &view.statics.cell(cell).refused {
            return self.refusals.set(slot, Some(Cause::Cell(cell)), || refused.clone());
        }
        match local.judge(table, slot, node) {
            Ok(_) => self.refusals.set(slot, None, nobody),
            Err(Unfit::Lacks(bits)) => {
                let explain = || local.refused(table, slot).unwrap_or_else(nobody);
                self.refusals.set(slot, Some(Cause::Lacks(bits)), explain);
            }
            Err(Unfit::Refused(refused)) => {
                let cause = Cause::Said(refused.1.reasons.clone());
                self.refusals.set(slot, Some(cause), || refused);
            }
        }
    }
}
