//! From one ruleset to the next.
//!
//! The order within a batch is the one in which every name is there when it is used: sets, chains,
//! rules; then elements go before others come (an element that changes does both); chains and sets
//! that nobody names any more go last.

use std::collections::BTreeMap;

use super::{Chain, Data, Hook, Key, Rule, Ruleset, Shape, TableId};

/// Changes for one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The changes in order, each with its table.
    pub changes: Vec<(TableId, Change)>,
}

/// A change of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Removes the table if it is there, and makes it anew, empty.
    Replace,
    /// Removes the table if it is there.
    Remove,
    /// Adds a set.
    AddSet(String, Shape),
    /// Removes a set with all that it holds.
    RemoveSet(String),
    /// Adds a chain without rules.
    AddChain(String, Option<Hook>),
    /// Gives a chain these rules and no others.
    SetRules(String, Vec<Rule>),
    /// Removes a chain with its rules.
    RemoveChain(String),
    /// Adds elements to a set that it does not have.
    AddElements(String, Vec<(Key, Option<Data>)>),
    /// Removes elements that the set has.
    RemoveElements(String, Vec<Key>),
}

impl Batch {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds changes of a table.
    pub fn extend(&mut self, table: &TableId, changes: impl IntoIterator<Item = Change>) {
        self.changes.extend(changes.into_iter().map(|change| (table.clone(), change)));
    }

    /// Puts `ruleset` in the place of all that `table` holds, if it exists at all.
    pub fn replace(&mut self, table: &TableId, ruleset: &Ruleset) {
        self.extend(table, [Change::Replace]);
        self.extend(table, Ruleset::default().changes_to(ruleset));
    }
}

impl Ruleset {
    /// The changes that lead from here to `next`.
    ///
    /// A chain keeps its hook and a set its shape; one that shall have another takes another name.
    ///
    /// # Panics
    /// A chain or set of both has not.
    pub fn changes_to(&self, next: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        changes.extend(
            added(&self.sets, &next.sets)
                .map(|(name, set)| Change::AddSet(name.clone(), set.shape.clone())),
        );
        changes.extend(
            added(&self.chains, &next.chains)
                .map(|(name, chain)| Change::AddChain(name.clone(), chain.hook)),
        );
        changes.extend(self.rules_to(next));
        changes.extend(self.elements_to(next));
        // Chains that name each other can go only when none of them has rules.
        let gone: Vec<&String> = added(&next.chains, &self.chains).map(|(name, _)| name).collect();
        changes.extend(gone.iter().map(|name| Change::SetRules((*name).clone(), Vec::new())));
        changes.extend(gone.into_iter().map(|name| Change::RemoveChain(name.clone())));
        let gone = added(&next.sets, &self.sets);
        changes.extend(gone.map(|(name, _)| Change::RemoveSet(name.clone())));
        changes
    }

    fn rules_to(&self, next: &Self) -> impl Iterator<Item = Change> {
        next.chains.iter().filter_map(|(name, chain)| {
            let before = self.chains.get(name);
            assert!(before.is_none_or(|before| before.hook == chain.hook), "{name} moves");
            let rules = before.map(|before| before.rules.as_slice()).unwrap_or_default();
            (rules != chain.rules).then(|| Change::SetRules(name.clone(), chain.rules.clone()))
        })
    }

    fn elements_to(&self, next: &Self) -> Vec<Change> {
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        let nothing = BTreeMap::new();
        for (name, set) in &next.sets {
            let before = self.sets.get(name);
            assert!(before.is_none_or(|before| before.shape == set.shape), "{name} changes shape");
            let before = before.map_or(&nothing, |before| &before.elements);
            let differ = |(key, data): &(&Key, &Option<Data>)| before.get(key) != Some(data);
            let new: Vec<_> = set.elements.iter().filter(differ).collect();
            let stays = |key: &Key| set.elements.get(key) == before.get(key);
            let old: Vec<Key> = before.keys().filter(|key| !stays(key)).cloned().collect();
            if !old.is_empty() {
                gone.push(Change::RemoveElements(name.clone(), old));
            }
            if !new.is_empty() {
                let new = new.into_iter().map(|(key, data)| (key.clone(), data.clone())).collect();
                come.push(Change::AddElements(name.clone(), new));
            }
        }
        gone.extend(come);
        gone
    }

    /// Adds a chain at a hook.
    pub fn hook(&mut self, name: &str, hook: Hook, rules: Vec<Rule>) {
        self.chains.insert(name.to_owned(), Chain { hook: Some(hook), rules });
    }

    /// Adds a chain that others name.
    pub fn chain(&mut self, name: impl Into<String>, rules: Vec<Rule>) {
        self.chains.insert(name.into(), Chain { hook: None, rules });
    }

    /// Adds a set that holds nothing yet.
    pub fn set(&mut self, name: &str, shape: Shape) -> &mut super::Set {
        self.sets.entry(name.to_owned()).or_insert_with(|| super::Set::new(shape))
    }
}

/// What `next` has and `before` has not.
fn added<'a, T>(
    before: &'a BTreeMap<String, T>,
    next: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a String, &'a T)> {
    next.iter().filter(|(name, _)| !before.contains_key(*name))
}
