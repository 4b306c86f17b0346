//! Amounts of resources as integers, as the scheduler counts them.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;

use crate::Quantity;

/// Exact amounts by resource name, as objects carry them.
pub type Amounts = BTreeMap<String, Quantity>;

/// Amounts of resources: of a pod, or of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub cpu_milli: i64,
    /// Bytes of memory.
    pub memory: i64,
    /// Bytes of local storage.
    pub ephemeral_storage: i64,
    /// Pods; counted by nodes only.
    pub pods: i64,
    /// Extended resources, huge pages and attachable volumes, by name.
    pub extended: BTreeMap<Arc<str>, i64>,
}

impl Resources {
    /// The integers of exact amounts, fractions rounded up; unknown names are left out.
    pub fn new(amounts: &Amounts) -> Self {
        let mut resources = Self::default();
        for (name, amount) in amounts {
            match name.as_str() {
                "cpu" => resources.cpu_milli = amount.milli_value(),
                "memory" => resources.memory = amount.value(),
                "ephemeral-storage" => resources.ephemeral_storage = amount.value(),
                "pods" => resources.pods = amount.value(),
                other if is_counted(other) => {
                    resources.extended.insert(Arc::from(other), amount.value());
                }
                _ => {}
            }
        }
        resources
    }

    /// The amount of the resource `name`; zero where there is none.
    pub fn get(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.cpu_milli,
            "memory" => self.memory,
            "ephemeral-storage" => self.ephemeral_storage,
            "pods" => self.pods,
            other => self.extended.get(other).copied().unwrap_or_default(),
        }
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.apply(other, i64::saturating_add);
    }

    /// Takes `other` away.
    pub fn subtract(&mut self, other: &Self) {
        self.apply(other, i64::saturating_sub);
    }

    fn apply(&mut self, other: &Self, change: fn(i64, i64) -> i64) {
        self.cpu_milli = change(self.cpu_milli, other.cpu_milli);
        self.memory = change(self.memory, other.memory);
        self.ephemeral_storage = change(self.ephemeral_storage, other.ephemeral_storage);
        self.pods = change(self.pods, other.pods);
        for (name, amount) in &other.extended {
            let entry = self.extended.entry(Arc::clone(name)).or_default();
            *entry = change(*entry, *amount);
        }
    }
}

/// Whether a resource beside the four native ones is counted.
fn is_counted(name: &str) -> bool {
    name.contains('/') || name.starts_with("hugepages-") || name.starts_with("attachable-volumes-")
}

/// The exact amounts of a list in an object; an amount that cannot be read counts as none.
pub(super) fn amounts(list: Option<&BTreeMap<String, WireQuantity>>) -> Amounts {
    let read = |(name, amount): (&String, &WireQuantity)| {
        (name.clone(), amount.0.parse().unwrap_or(Quantity::ZERO))
    };
    list.into_iter().flatten().map(read).collect()
}

/// Adds `other` to `sum`, name by name.
pub(super) fn add(sum: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        *sum.entry(name.clone()).or_default() += *amount;
    }
}

/// Raises `high` to `other`, name by name.
pub(super) fn raise(high: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let entry = high.entry(name.clone()).or_default();
        *entry = (*entry).max(*amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(list: &[(&str, &str)]) -> Resources {
        let wire =
            list.iter().map(|(name, amount)| ((*name).into(), WireQuantity((*amount).into())));
        Resources::new(&amounts(Some(&wire.collect())))
    }

    #[test]
    fn amounts_become_integers_rounded_up() {
        let got = resources(&[
            ("cpu", "0.0001"),
            ("memory", "1Ki"),
            ("example.com/gpu", "2"),
            ("storage", "9"),
        ]);
        assert_eq!((got.cpu_milli, got.memory, got.get("example.com/gpu")), (1, 1024, 2));
        assert_eq!(got.extended.len(), 1);
        assert_eq!(resources(&[("cpu", "much")]), Resources::default());
    }

    #[test]
    fn taking_away_what_was_added_gives_back_the_amounts() {
        let (a, b) = (
            resources(&[("cpu", "1"), ("x.io/a", "3")]),
            resources(&[("x.io/a", "1"), ("pods", "1")]),
        );
        let mut sum = a.clone();
        sum.add(&b);
        assert_eq!((sum.get("x.io/a"), sum.pods), (4, 1));
        sum.subtract(&b);
        assert_eq!(sum, a);
    }
}
