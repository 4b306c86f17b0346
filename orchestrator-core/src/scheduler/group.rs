//! Pods that belong together: what a Service, a ReplicaSet or a disruption budget selects.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::ObjectKey;
use crate::selector::LabelSelector;

/// Pods that belong together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PodGroup {
    /// Which pods of the namespace.
    pub selector: LabelSelector,
    /// How many of them may be sent away now; `None` where nobody limits it.
    pub disruptions_allowed: Option<i64>,
}

impl PodGroup {
    /// The pods that `selector` selects.
    pub fn new(selector: LabelSelector) -> Self {
        Self { selector, disruptions_allowed: None }
    }

    /// So many of the pods may be sent away now.
    #[must_use]
    pub fn allowing(mut self, disruptions: i64) -> Self {
        self.disruptions_allowed = Some(disruptions);
        self
    }
}

/// The groups of a cluster, by the kind and name of the object that makes them.
#[derive(Clone, Debug, Default)]
pub(super) struct PodGroups(BTreeMap<(String, ObjectKey), PodGroup>);

impl PodGroups {
    pub fn set(&mut self, kind: &str, key: &ObjectKey, group: Option<PodGroup>) {
        let at = (kind.to_owned(), key.clone());
        match group {
            Some(group) => self.0.insert(at, group),
            None => self.0.remove(&at),
        };
    }

    pub fn get(&self, kind: &str, key: &ObjectKey) -> Option<&PodGroup> {
        self.0.get(&(kind.to_owned(), key.clone()))
    }

    pub fn of<'a>(
        &'a self,
        kind: &'a str,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a PodGroup> {
        let from = (kind.to_owned(), ObjectKey::new(namespace, ""));
        self.0
            .range((Bound::Included(from), Bound::Unbounded))
            .take_while(move |((k, key), _)| k == kind && key.namespace == namespace)
            .map(|(_, group)| group)
    }
}
