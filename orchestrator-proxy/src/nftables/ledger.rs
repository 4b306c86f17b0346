//! Who wants which element.
//!
//! Several routes may want the same: two ports share an address, two services an endpoint. Where
//! they want it to lead to different places, the first by name has it. The ledger knows all claims,
//! so that an element goes with its last, and tells what has changed since it was asked last.

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_core::proxy::RouteName;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::elements::{Element, Leads};

/// The claims of one element, the first by name first.
type Claims = SmallVec<[(Arc<RouteName>, Leads); 1]>;

/// All claims.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    claims: FxHashMap<Element, Claims>,
    /// What elements that were touched since the last question led to before.
    touched: BTreeMap<(usize, Element), Option<Leads>>,
}

/// What became different; an element that leads elsewhere now is in both.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) removed: Vec<(Element, Leads)>,
    pub(super) added: Vec<(Element, Leads)>,
}

impl Ledger {
    /// Route `name` wants what is in `new`, and no longer what was in `old`.
    pub(super) fn change(
        &mut self,
        name: &RouteName,
        old: &[(Element, Leads)],
        new: &[(Element, Leads)],
    ) {
        let name = Arc::new(name.clone());
        for (element, _) in old {
            self.touch(*element);
            if let Some(claims) = self.claims.get_mut(element) {
                claims.retain(|(claimant, _)| *claimant != name);
                if claims.is_empty() {
                    self.claims.remove(element);
                }
            }
        }
        for (element, leads) in new {
            self.touch(*element);
            let claims = self.claims.entry(*element).or_default();
            let at = claims.partition_point(|(claimant, _)| *claimant < name);
            claims.insert(at, (Arc::clone(&name), *leads));
        }
    }

    /// What has changed since the last call, grouped by table and set.
    pub(super) fn take(&mut self) -> Changes {
        let mut changes = Changes::default();
        for ((_, element), before) in std::mem::take(&mut self.touched) {
            let now = self.leads(&element);
            if before == now {
                continue;
            }
            changes.removed.extend(before.map(|before| (element, before)));
            changes.added.extend(now.map(|now| (element, now)));
        }
        changes
    }

    fn leads(&self, element: &Element) -> Option<Leads> {
        self.claims.get(element)?.first().map(|(_, leads)| *leads)
    }

    fn touch(&mut self, element: Element) {
        let before = self.leads(&element);
        let table = element.family() as usize;
        self.touched.entry((table, element)).or_insert(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::ObjectKey;

    fn name(text: &str) -> RouteName {
        RouteName { service: ObjectKey::new("shop", text), port: String::new() }
    }

    fn element(last: u8) -> Element {
        Element::ClusterIp([10, 96, 0, last].into())
    }

    #[test]
    fn an_element_goes_with_the_last_who_wants_it() {
        let mut ledger = Ledger::default();
        let wanted = [(element(1), Leads::Nowhere)];
        ledger.change(&name("a"), &[], &wanted);
        assert_eq!(ledger.take().added, wanted);
        ledger.change(&name("b"), &[], &wanted);
        ledger.change(&name("a"), &wanted, &[]);
        assert_eq!(ledger.take(), Changes::default());
        ledger.change(&name("b"), &wanted, &[]);
        assert_eq!(ledger.take().removed, wanted);
    }

    #[test]
    fn the_first_by_name_has_what_several_want() {
        let mut ledger = Ledger::default();
        let (refuse, drop) = ([(element(1), Leads::Refusal)], [(element(1), Leads::Drop)]);
        ledger.change(&name("b"), &[], &drop);
        ledger.change(&name("a"), &[], &refuse);
        assert_eq!(ledger.take().added, refuse);
        ledger.change(&name("a"), &refuse, &[]);
        let changes = ledger.take();
        assert_eq!((changes.removed, changes.added), (refuse.to_vec(), drop.to_vec()));
    }
}
