//! Whether some rules are as much as others.
//!
//! The rules that are to be covered are taken apart into the smallest ones, each of which must be
//! within one rule that is held.

use std::collections::{BTreeMap, BTreeSet};

use super::super::rule::{has_or_all, path_covers};
use crate::authz::Rule;

/// The most parts that one set of rules is taken apart into; more than the largest role of any
/// known system has, and some milliseconds of work.
const MAX_PARTS: usize = 100_000;

/// What of `wanted` is not within `held`, in the words that refusals have, sorted; empty where
/// all is.
pub(crate) fn missing(held: &[Rule], wanted: &[Rule]) -> Vec<String> {
    let mut parts = BTreeSet::new();
    for rule in wanted {
        take_apart(rule, &mut parts);
        if parts.len() > MAX_PARTS {
            return vec!["the rules are too many to be compared".into()];
        }
    }
    let left = parts.into_iter().filter(|part| !held.iter().any(|rule| covers(rule, part)));
    let shown: BTreeSet<String> = joined(left).iter().map(Rule::shown).collect();
    shown.into_iter().collect()
}

/// The rules of one verb on one resource, or one path, that a rule consists of.
fn take_apart(rule: &Rule, parts: &mut BTreeSet<Rule>) {
    let one = |text: &String| vec![text.clone()];
    for verb in &rule.verbs {
        for group in &rule.api_groups {
            for resource in &rule.resources {
                let part = Rule {
                    verbs: one(verb),
                    api_groups: one(group),
                    resources: one(resource),
                    ..Rule::default()
                };
                if rule.resource_names.is_empty() {
                    parts.insert(part.clone());
                }
                for name in &rule.resource_names {
                    parts.insert(Rule { resource_names: one(name), ..part.clone() });
                }
                if parts.len() > MAX_PARTS {
                    return;
                }
            }
        }
        for path in &rule.paths {
            let part = Rule { verbs: one(verb), paths: one(path), ..Rule::default() };
            parts.insert(part);
        }
    }
}

/// Whether one rule holds all that a part allows.
fn covers(held: &Rule, part: &Rule) -> bool {
    let all = |known: &[String], wanted: &[String]| wanted.iter().all(|w| has_or_all(known, w));
    all(&held.verbs, &part.verbs)
        && all(&held.api_groups, &part.api_groups)
        && part.resources.iter().all(|wanted| covers_resource(held, wanted))
        && covers_names(held, part)
        && part.paths.iter().all(|path| held.paths.iter().any(|known| path_covers(known, path)))
}

fn covers_resource(held: &Rule, wanted: &str) -> bool {
    if has_or_all(&held.resources, wanted) {
        return true;
    }
    let Some((_, part)) = wanted.split_once('/') else { return false };
    held.resources.iter().any(|known| known.strip_prefix("*/") == Some(part))
}

fn covers_names(held: &Rule, part: &Rule) -> bool {
    if held.resource_names.is_empty() {
        return true;
    }
    !part.resource_names.is_empty()
        && part.resource_names.iter().all(|name| held.resource_names.contains(name))
}

/// The same parts, those of one resource as one rule with all their verbs.
fn joined(parts: impl Iterator<Item = Rule>) -> Vec<Rule> {
    let mut plain: BTreeMap<(Vec<String>, Vec<String>), Rule> = BTreeMap::new();
    let mut joined = Vec::new();
    for part in parts {
        if part.resources.len() != 1 || !part.resource_names.is_empty() {
            joined.push(part);
            continue;
        }
        let key = (part.api_groups.clone(), part.resources.clone());
        match plain.get_mut(&key) {
            Some(rule) => rule.verbs.extend(part.verbs),
            None => drop(plain.insert(key, part)),
        }
    }
    joined.extend(plain.into_values());
    joined
}
