//! The next step of an update, as new sizes of ReplicaSets.
//!
//! Each function looks at the sets as they are and returns what to change now; further steps
//! follow when pods come and go. Nothing here does I/O.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::limits::Limits;
use super::revision;
use super::sets::{Sets, available, replicas};

/// A set and the size that it shall have.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    pub set: Arc<ReplicaSet>,
    pub to: i32,
}

/// The size of the new set, as far as the surge allows it; without a set yet, of the one to come.
pub(super) fn new_size(sets: &Sets, limits: Limits) -> i32 {
    let now = sets.new.as_ref().map_or(0, |set| replicas(set));
    if !limits.rolling || now > limits.replicas {
        return limits.replicas;
    }
    let room = limits.max_total() - sets.total();
    now + room.max(0).min(limits.replicas - now)
}

/// Old and new pods side by side: the new set grows first, then the old ones shrink.
pub(super) fn rolling(sets: &Sets, limits: Limits) -> Vec<Scale> {
    let Some(new) = &sets.new else { return Vec::new() };
    let to = new_size(sets, limits);
    if to != replicas(new) {
        return vec![Scale { set: Arc::clone(new), to }];
    }
    shrink_old(sets, limits)
}

/// Takes pods from the old sets: first those that are not available anyway, then as many
/// available ones as can be spared.
fn shrink_old(sets: &Sets, limits: Limits) -> Vec<Scale> {
    let Some(new) = &sets.new else { return Vec::new() };
    // Pods of the new set that are not available yet count against what can be spared.
    let new_unavailable = replicas(new) - available(new);
    let spare = sets.total() - limits.min_available() - new_unavailable;
    let mut sizes: Vec<_> = sets.active_old().map(|set| (set, replicas(set))).collect();
    let mut left = spare.max(0);
    for (set, size) in &mut sizes {
        let unhealthy = (*size - available(set)).max(0).min(left);
        *size -= unhealthy;
        left -= unhealthy;
    }
    if spare > 0 {
        let mut left = (sets.available() - limits.min_available()).max(0);
        for (_, size) in &mut sizes {
            let taken = (*size).min(left);
            *size -= taken;
            left -= taken;
        }
    }
    let changed = sizes.into_iter().filter(|(set, size)| replicas(set) != *size);
    changed.map(|(set, to)| Scale { set: Arc::clone(set), to }).collect()
}

/// All old pods go before the first new one comes.
pub(super) fn recreate(sets: &Sets, limits: Limits, old_pods_run: bool) -> Vec<Scale> {
    let old: Vec<_> = sets.active_old().map(|set| Scale { set: Arc::clone(set), to: 0 }).collect();
    match &sets.new {
        Some(new) if old.is_empty() && !old_pods_run && replicas(new) != limits.replicas => {
            vec![Scale { set: Arc::clone(new), to: limits.replicas }]
        }
        _ => old,
    }
}

/// Whether the Deployment was scaled since it last sized its sets.
pub(super) fn is_scaled(sets: &Sets, limits: Limits) -> bool {
    let active = sets.all().filter(|set| replicas(set) > 0);
    active.filter_map(|set| revision::desired(set)).any(|desired| desired != limits.replicas)
}

/// Spreads a change of the Deployment's size over its sets. In the middle of an update each set
/// changes in proportion to its size, so that the update goes on where it was.
pub(super) fn proportional(sets: &Sets, limits: Limits, total_before: i32) -> Vec<Scale> {
    if let Some(only) = active_or_latest(sets) {
        let scale = Scale { to: limits.replicas, set: only };
        return Some(scale).filter(needed(limits)).into_iter().collect();
    }
    if is_saturated(sets, limits) {
        return sets.active_old().map(|set| Scale { set: Arc::clone(set), to: 0 }).collect();
    }
    if !limits.rolling {
        return Vec::new();
    }
    let allowed = if limits.replicas > 0 { limits.max_total() } else { 0 };
    let mut active: Vec<_> = sets.all().filter(|set| replicas(set) > 0).cloned().collect();
    let to_add = allowed - active.iter().map(|set| replicas(set)).sum::<i32>();
    // The larger first; among equals the newer grows first, and the older shrinks first.
    active.sort_by_key(|set| (set.metadata.creation_timestamp.clone(), set.metadata.name.clone()));
    if to_add > 0 {
        active.reverse();
    }
    active.sort_by_key(|set| std::cmp::Reverse(replicas(set)));
    let mut added = 0;
    let mut scales = Vec::with_capacity(active.len());
    for set in active {
        let share = proportion(&set, limits, to_add, added, total_before);
        added += share;
        scales.push(Scale { to: replicas(&set) + share, set });
    }
    if let Some(first) = scales.first_mut() {
        first.to = (first.to + to_add - added).max(0);
    }
    scales.into_iter().filter(needed(limits)).collect()
}

/// Whether a set needs another size, or other annotations of the sizes in mind.
fn needed(limits: Limits) -> impl Fn(&Scale) -> bool {
    move |scale| {
        let set = &scale.set;
        replicas(set) != scale.to
            || revision::desired(set) != Some(limits.replicas)
            || revision::max(set) != Some(limits.max_total())
    }
}

/// The only set with pods, or the newest where none has any; `None` where several have.
fn active_or_latest(sets: &Sets) -> Option<Arc<ReplicaSet>> {
    let mut active = sets.all().filter(|set| replicas(set) > 0);
    match (active.next(), active.next()) {
        (None, _) => sets.new.as_ref().or(sets.old.last()).cloned(),
        (Some(only), None) => Some(Arc::clone(only)),
        _ => None,
    }
}

/// Whether the new set has all its pods, available, so that the old ones are not needed.
fn is_saturated(sets: &Sets, limits: Limits) -> bool {
    sets.new.as_ref().is_some_and(|new| {
        revision::desired(new) == Some(limits.replicas)
            && replicas(new) == limits.replicas
            && available(new) == limits.replicas
    })
}

/// A set's share of `to_add`, of which `added` is given away already.
fn proportion(set: &ReplicaSet, limits: Limits, to_add: i32, added: i32, total_before: i32) -> i32 {
    let left = to_add - added;
    if to_add == 0 || left == 0 {
        return 0;
    }
    let share = fraction(set, limits, total_before);
    if to_add > 0 { share.min(left) } else { share.max(left) }
}

/// How much a set would grow if it kept its part of the whole.
fn fraction(set: &ReplicaSet, limits: Limits, total_before: i32) -> i32 {
    let size = replicas(set);
    let before = revision::max(set).filter(|max| *max > 0).unwrap_or(total_before);
    if limits.replicas == 0 || before <= 0 {
        return -size;
    }
    // Rounded half away from zero, in whole numbers.
    let product = i64::from(size) * i64::from(limits.max_total());
    let rounded = (2 * product + i64::from(before)) / (2 * i64::from(before));
    i32::try_from(rounded).unwrap_or(i32::MAX) - size
}

/// The old sets to delete so that no more than `limit` without pods are kept: the oldest
/// revisions go first.
pub(super) fn surplus(sets: &Sets, limit: Option<i32>) -> Vec<Arc<ReplicaSet>> {
    let Some(limit) = limit.filter(|limit| *limit != i32::MAX) else { return Vec::new() };
    let mut old: Vec<_> =
        sets.old.iter().filter(|set| set.metadata.deletion_timestamp.is_none()).cloned().collect();
    let excess = old.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    old.sort_by_key(|set| revision::revision(set));
    old.truncate(excess);
    old.retain(|set| {
        let status = set.status.clone().unwrap_or_default();
        let observed = status.observed_generation.unwrap_or(0);
        replicas(set) == 0 && status.replicas == 0 && set.metadata.generation <= Some(observed)
    });
    old
}
