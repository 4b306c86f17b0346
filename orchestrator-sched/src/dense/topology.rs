//! Domains: the nodes that have the same value of a label, as numbers.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::table::Slot;

/// The number of a domain within its topology; 0 for the nodes without the label.
pub(super) type Domain = u32;

/// The domain of nodes without the label.
pub(super) const NONE: Domain = 0;

/// The domains of one label.
#[derive(Debug)]
pub(super) struct Topology {
    key: String,
    /// By slot.
    of: Vec<Domain>,
    ids: FxHashMap<String, Domain>,
    names: Vec<String>,
    /// How many nodes each domain has.
    nodes: Vec<u32>,
    free: Vec<Domain>,
    /// How many domains have more than one node.
    shared: usize,
}

impl Topology {
    fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            of: Vec::new(),
            ids: FxHashMap::default(),
            names: vec![String::new()],
            nodes: vec![0],
            free: Vec::new(),
            shared: 0,
        }
    }

    /// The domain of a node.
    pub fn domain(&self, slot: Slot) -> Domain {
        self.of.get(slot as usize).copied().unwrap_or(NONE)
    }

    /// How many numbers are in use, that of [`NONE`] included.
    #[cfg(test)]
    pub fn numbers(&self) -> usize {
        self.names.len()
    }

    /// Whether every domain is a single node, and there are more than `few` of them.
    pub fn is_by_node(&self, few: usize) -> bool {
        self.shared == 0 && self.ids.len() > few
    }

    fn set(&mut self, slot: Slot, value: Option<&str>) {
        let at = slot as usize;
        if self.of.len() <= at {
            self.of.resize(at + 1, NONE);
        }
        let old = self.of[at];
        if old != NONE && value == Some(self.names[old as usize].as_str()) {
            return;
        }
        self.leave(old);
        self.of[at] = value.map_or(NONE, |value| self.enter(value));
    }

    fn enter(&mut self, value: &str) -> Domain {
        let domain = match self.ids.get(value) {
            Some(domain) => *domain,
            None => {
                let domain = self.free.pop().unwrap_or(self.names.len() as Domain);
                if domain as usize == self.names.len() {
                    self.names.push(String::new());
                    self.nodes.push(0);
                }
                self.names[domain as usize] = value.to_owned();
                self.ids.insert(value.to_owned(), domain);
                domain
            }
        };
        let nodes = &mut self.nodes[domain as usize];
        *nodes += 1;
        self.shared += usize::from(*nodes == 2);
        domain
    }

    fn leave(&mut self, domain: Domain) {
        if domain == NONE {
            return;
        }
        let nodes = &mut self.nodes[domain as usize];
        *nodes -= 1;
        self.shared -= usize::from(*nodes == 1);
        if *nodes == 0 {
            self.ids.remove(&self.names[domain as usize]);
            self.free.push(domain);
        }
    }
}

/// The topologies that somebody has asked for.
#[derive(Debug, Default)]
pub(super) struct Topologies(Vec<Topology>);

impl Topologies {
    /// The number of the topology of the label `key`; where it is new, `nodes` are all nodes.
    pub fn number<'a>(
        &mut self,
        key: &str,
        nodes: impl Iterator<Item = (Slot, &'a BTreeMap<String, String>)>,
    ) -> usize {
        if let Some(number) = self.0.iter().position(|topology| topology.key == key) {
            return number;
        }
        let mut topology = Topology::new(key);
        for (slot, labels) in nodes {
            topology.set(slot, labels.get(key).map(String::as_str));
        }
        self.0.push(topology);
        self.0.len() - 1
    }

    /// A topology by its number.
    pub fn get(&self, number: usize) -> &Topology {
        &self.0[number]
    }

    /// Takes note of a node's labels; `None` where it is gone.
    pub fn set(&mut self, slot: Slot, labels: Option<&BTreeMap<String, String>>) {
        for topology in &mut self.0 {
            let value = labels.and_then(|labels| labels.get(&topology.key));
            topology.set(slot, value.map(String::as_str));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_follow_the_labels_of_nodes() {
        let labels = |zone: &str| BTreeMap::from([("zone".to_owned(), zone.to_owned())]);
        let (a, b) = (labels("a"), labels("b"));
        let mut all = Topologies::default();
        let number = all.number("zone", [(0, &a), (1, &b)].into_iter());
        assert!(all.get(number).is_by_node(1) && !all.get(number).is_by_node(2));
        all.set(2, Some(&a));
        assert_eq!(all.get(number).domain(0), all.get(number).domain(2));
        assert!(!all.get(number).is_by_node(1));
        all.set(0, None);
        all.set(2, Some(&BTreeMap::new()));
        assert_eq!((all.get(number).domain(2), all.get(number).domain(9)), (NONE, NONE));
        all.set(3, Some(&labels("c")));
        assert_eq!(
            all.get(number).numbers(),
            3,
            "the number of a domain that is gone is used again"
        );
    }
}
