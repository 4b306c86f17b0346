//! Who says what a node by itself is like.

use orchestrator_core::scheduler::{NodeInfo, PodInfo};

use super::class::View;
use super::exact::Exact;
use super::local::Local;
use super::plan::Plan;
use super::table::{Slot, Table};

/// What is asked about a node by itself: its amounts where they say everything, else plugins.
pub(super) enum Judge<'a> {
    Exact(Exact),
    Local(Box<Local<'a>>),
}

impl<'a> Judge<'a> {
    /// `None` where a filter rejects the pod as a whole.
    pub fn new(
        exact: Option<Exact>,
        view: View<'a>,
        pod: &'a PodInfo,
        table: &Table,
    ) -> Option<Self> {
        match exact.filter(|_| table.has_no_promises()) {
            Some(exact) => Some(Self::Exact(exact)),
            None => {
                let local = Local::new(view.framework, view.plan, pod, view.snapshot)?;
                Some(Self::Local(Box::new(local)))
            }
        }
    }

    /// Whether a plugin looks at the node itself.
    pub fn needs_node(&self) -> bool {
        matches!(self, Self::Local(local) if local.needs_node())
    }

    /// The score of a node that takes the pod; `node` may be missing where nobody needs it.
    pub fn score(
        &self,
        plan: &Plan,
        table: &Table,
        slot: Slot,
        node: Option<&NodeInfo>,
    ) -> Option<i64> {
        match self {
            Self::Exact(exact) => exact.judge(plan, &table.rows[slot as usize]),
            Self::Local(local) => local.judge(table, slot, node).ok(),
        }
    }
}
