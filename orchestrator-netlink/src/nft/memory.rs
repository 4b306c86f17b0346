//! Packet rules in this process, as strict as the kernel.

use std::collections::BTreeMap;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{
    Batch, Change, Data, DataShape, Key, NftError, Nftables, Part, Ruleset, Set, Shape, Statement,
    TableId, Verdict,
};

/// Rules that no kernel has; [`packet`](Self::packet) shows what they would do.
#[derive(Debug, Default)]
pub struct Memory {
    tables: Mutex<BTreeMap<TableId, Ruleset>>,
}

impl Memory {
    /// No table.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a table holds.
    pub fn table(&self, table: &TableId) -> Option<Ruleset> {
        self.tables.lock().get(table).cloned()
    }

    /// All tables.
    pub fn tables(&self) -> BTreeMap<TableId, Ruleset> {
        self.tables.lock().clone()
    }
}

#[async_trait]
impl Nftables for Memory {
    async fn commit(&self, batch: Batch) -> Result<(), NftError> {
        let mut tables = self.tables.lock();
        let mut next = tables.clone();
        for (table, change) in batch.changes {
            match change {
                Change::Replace => {
                    next.insert(table, Ruleset::default());
                }
                Change::Remove => {
                    next.remove(&table);
                }
                change => {
                    let ruleset = next.get_mut(&table);
                    let ruleset = ruleset.ok_or_else(|| refused(format!("no table {table:?}")))?;
                    ruleset.apply(change)?;
                }
            }
        }
        *tables = next;
        Ok(())
    }
}

impl Ruleset {
    /// Makes one change of this table.
    ///
    /// # Errors
    /// It does not fit what is there; nothing was changed.
    pub fn apply(&mut self, change: Change) -> Result<(), NftError> {
        match change {
            Change::Replace | Change::Remove => *self = Self::default(),
            Change::AddSet(name, shape) => self.add_set(name, shape)?,
            Change::RemoveSet(name) => {
                self.unused(&name, uses_set)?;
                self.sets.remove(&name).ok_or_else(|| missing("set", &name))?;
            }
            Change::AddChain(name, hook) => {
                if self.chains.contains_key(&name) {
                    return Err(refused(format!("chain {name} exists")));
                }
                self.chains.insert(name, super::Chain { hook, rules: Vec::new() });
            }
            Change::SetRules(name, rules) => {
                for statement in rules.iter().flatten() {
                    self.check(statement)?;
                }
                self.chains.get_mut(&name).ok_or_else(|| missing("chain", &name))?.rules = rules;
            }
            Change::RemoveChain(name) => {
                self.unused(&name, |statement, name| chain_of(statement) == Some(name))?;
                let named = self.sets.values().flat_map(|set| set.elements.values());
                if named.flatten().any(|data| chain_of_data(data) == Some(&name)) {
                    return Err(refused(format!("an element names chain {name}")));
                }
                self.chains.remove(&name).ok_or_else(|| missing("chain", &name))?;
            }
            Change::AddElements(name, elements) => self.add_elements(&name, elements)?,
            Change::RemoveElements(name, keys) => {
                let set = self.sets.get_mut(&name).ok_or_else(|| missing("set", &name))?;
                for key in keys {
                    set.elements.remove(&key).ok_or_else(|| missing("element", &name))?;
                }
            }
        }
        Ok(())
    }

    fn add_set(&mut self, name: String, shape: Shape) -> Result<(), NftError> {
        if self.sets.contains_key(&name) {
            return Err(refused(format!("set {name} exists")));
        }
        self.sets.insert(name, Set::new(shape));
        Ok(())
    }

    fn add_elements(
        &mut self,
        name: &str,
        elements: Vec<(Key, Option<Data>)>,
    ) -> Result<(), NftError> {
        let chains = &self.chains;
        let set = self.sets.get_mut(name).ok_or_else(|| missing("set", name))?;
        for (key, data) in elements {
            fits(name, &set.shape, &key, data.as_ref())?;
            if let Some(chain) = data.as_ref().and_then(chain_of_data)
                && !chains.contains_key(chain)
            {
                return Err(missing("chain", chain));
            }
            if set.elements.insert(key.clone(), data).is_some() {
                return Err(refused(format!("{name} has {key:?}")));
            }
        }
        Ok(())
    }

    /// Whether what a statement names is there.
    fn check(&self, statement: &Statement) -> Result<(), NftError> {
        if let Some(chain) = chain_of(statement).filter(|chain| !self.chains.contains_key(*chain)) {
            return Err(missing("chain", chain));
        }
        match set_of(statement) {
            Some(set) if !self.sets.contains_key(set) => Err(missing("set", set)),
            _ => Ok(()),
        }
    }

    fn unused(&self, name: &str, uses: impl Fn(&Statement, &str) -> bool) -> Result<(), NftError> {
        let mut statements = self.chains.values().flat_map(|chain| chain.rules.iter().flatten());
        match statements.any(|statement| uses(statement, name)) {
            true => Err(refused(format!("a rule names {name}"))),
            false => Ok(()),
        }
    }
}

fn fits(name: &str, shape: &Shape, key: &Key, data: Option<&Data>) -> Result<(), NftError> {
    let wrong = |what: &str| Err(refused(format!("{what} does not fit the set {name}")));
    let len = width(&shape.key);
    let range = key.to.as_ref();
    if key.from.len() != len || range.is_some_and(|to| to.len() != len || !shape.interval) {
        return wrong("a key");
    }
    match (&shape.data, data) {
        (None, None) | (Some(DataShape::Verdict), Some(Data::Verdict(_))) => Ok(()),
        (Some(DataShape::Value(parts)), Some(Data::Value(value)))
            if value.len() == width(parts) =>
        {
            Ok(())
        }
        _ => wrong("a value"),
    }
}

fn width(parts: &[Part]) -> usize {
    match parts {
        [part] => part.width(),
        parts => parts.iter().map(|part| part.width().next_multiple_of(4)).sum(),
    }
}

fn chain_of(statement: &Statement) -> Option<&str> {
    match statement {
        Statement::Verdict(verdict) => verdict.chain(),
        _ => None,
    }
}

fn chain_of_data(data: &Data) -> Option<&str> {
    match data {
        Data::Verdict(verdict) => Verdict::chain(verdict),
        Data::Value(_) => None,
    }
}

fn set_of(statement: &Statement) -> Option<&str> {
    match statement {
        Statement::In { set, .. } => Some(set),
        Statement::Get { map, .. }
        | Statement::Verdicts { map, .. }
        | Statement::Forget { map, .. }
        | Statement::Remember { map, .. } => Some(map),
        _ => None,
    }
}

fn uses_set(statement: &Statement, name: &str) -> bool {
    set_of(statement) == Some(name)
}

fn missing(what: &str, name: &str) -> NftError {
    refused(format!("no {what} {name}"))
}

fn refused(why: String) -> NftError {
    NftError::Refused(why)
}
