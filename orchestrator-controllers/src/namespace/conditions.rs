//! The conditions that tell how far the deletion of a namespace has come.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::NamespaceCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_core::GroupVersionResource;

/// What is left of a namespace's content after one round of deletions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remains {
    /// How many objects there are of each resource.
    pub objects: BTreeMap<GroupVersionResource, usize>,
    /// How many objects have each finalizer.
    pub finalizers: BTreeMap<String, usize>,
    /// What could not be listed or deleted, and why.
    pub failures: Vec<String>,
}

impl Remains {
    /// Whether nothing is left for certain.
    pub(super) fn is_nothing(&self) -> bool {
        self.objects.is_empty() && self.failures.is_empty()
    }
}

/// The conditions after a round, in their fixed order; times of those that stand are kept.
pub(super) fn conditions(
    before: &[NamespaceCondition],
    remains: &Remains,
    now: &Time,
) -> Vec<NamespaceCondition> {
    let none = String::new;
    let reports = [
        Report {
            r#type: "NamespaceDeletionDiscoveryFailure",
            trouble: none(),
            reasons: ("DiscoveryFailed", "ResourcesDiscovered"),
            well: "All resources successfully discovered",
        },
        Report {
            r#type: "NamespaceDeletionGroupVersionParsingFailure",
            trouble: none(),
            reasons: ("GroupVersionParsingFailed", "ParsedGroupVersions"),
            well: "All legacy kube types successfully parsed",
        },
        Report {
            r#type: "NamespaceDeletionContentFailure",
            trouble: content_failure(&remains.failures),
            reasons: ("ContentDeletionFailed", "ContentDeleted"),
            well: "All content successfully deleted, may be waiting on finalization",
        },
        Report {
            r#type: "NamespaceContentRemaining",
            trouble: remaining_objects(&remains.objects),
            reasons: ("SomeResourcesRemain", "ContentRemoved"),
            well: "All content successfully removed",
        },
        Report {
            r#type: "NamespaceFinalizersRemaining",
            trouble: remaining_finalizers(&remains.finalizers),
            reasons: ("SomeFinalizersRemain", "ContentHasNoFinalizers"),
            well: "All content-preserving finalizers finished",
        },
    ];
    let mut all: Vec<_> = reports.iter().map(|report| report.condition(before, now)).collect();
    let ours = |r#type: &str| reports.iter().any(|report| report.r#type == r#type);
    all.extend(before.iter().filter(|condition| !ours(&condition.type_)).cloned());
    all
}

/// One condition: true where there is trouble, with one reason or the other.
struct Report {
    r#type: &'static str,
    trouble: String,
    reasons: (&'static str, &'static str),
    well: &'static str,
}

impl Report {
    fn condition(&self, before: &[NamespaceCondition], now: &Time) -> NamespaceCondition {
        let trouble = !self.trouble.is_empty();
        let (status, reason, message) = match trouble {
            true => ("True", self.reasons.0, self.trouble.as_str()),
            false => ("False", self.reasons.1, self.well),
        };
        let stands = before.iter().find(|c| c.type_ == self.r#type && c.status == status);
        let since = stands.and_then(|condition| condition.last_transition_time.clone());
        NamespaceCondition {
            type_: self.r#type.into(),
            status: status.into(),
            reason: Some(reason.into()),
            message: Some(message.into()),
            last_transition_time: since.or_else(|| Some(now.clone())),
        }
    }
}

fn content_failure(failures: &[String]) -> String {
    match failures {
        [] => String::new(),
        failures => {
            let all = failures.join(", ");
            format!("Failed to delete all resource types, {} remaining: {all}", failures.len())
        }
    }
}

fn remaining_objects(objects: &BTreeMap<GroupVersionResource, usize>) -> String {
    let each = objects.iter().map(|(gvr, count)| {
        format!("{}.{} has {count} resource instances", gvr.resource, gvr.group)
    });
    listed("Some resources are remaining: ", each.collect())
}

fn remaining_finalizers(finalizers: &BTreeMap<String, usize>) -> String {
    let each = finalizers
        .iter()
        .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"));
    listed("Some content in the namespace has finalizers remaining: ", each.collect())
}

fn listed(title: &str, mut all: Vec<String>) -> String {
    if all.is_empty() {
        return String::new();
    }
    all.sort();
    format!("{title}{}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time(text.parse().unwrap())
    }

    fn show(conditions: &[NamespaceCondition]) -> Vec<String> {
        let word =
            |c: &NamespaceCondition| format!("{}={}", c.reason.as_deref().unwrap(), c.status);
        conditions.iter().map(word).collect()
    }

    #[test]
    fn what_remains_is_told_in_five_conditions() {
        let secrets = GroupVersionResource::new("", "v1", "secrets");
        let remains = Remains {
            objects: [(secrets, 1)].into(),
            finalizers: [("x.io/h".to_owned(), 1)].into(),
            failures: vec![],
        };
        let first = conditions(&[], &remains, &at("2026-01-01T00:00:00Z"));
        let want = [
            "ResourcesDiscovered=False",
            "ParsedGroupVersions=False",
            "ContentDeleted=False",
            "SomeResourcesRemain=True",
            "SomeFinalizersRemain=True",
        ];
        assert_eq!(show(&first), want);
        let message = |index: usize| first[index].message.clone().unwrap();
        assert_eq!(message(3), "Some resources are remaining: secrets. has 1 resource instances");
        let finalizers = "Some content in the namespace has finalizers remaining: x.io/h in 1 resource instances";
        assert_eq!(message(4), finalizers);

        let later = at("2026-01-02T00:00:00Z");
        let second = conditions(&first, &Remains::default(), &later);
        assert_eq!(second[0], first[0]);
        assert_eq!(second[3].last_transition_time, Some(later.clone()));
        let failed = Remains { failures: vec!["no".into()], ..Remains::default() };
        assert!(!failed.is_nothing());
        let message = conditions(&[], &failed, &later)[2].message.clone().unwrap();
        assert_eq!(message, "Failed to delete all resource types, 1 remaining: no");
    }
}
