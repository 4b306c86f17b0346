//! The fields of objects and the items of lists.

use orchestrator_core::Json;
use orchestrator_core::object::Map;

use super::view::View;
use super::{Walk, lists};
use crate::report::{invalid, too_many};
use crate::schema::{Additional, ListType, Structural};

impl Walk {
    pub(super) fn fields(&mut self, schema: &Structural, map: &Map, old: Option<View<'_>>) {
        self.matches += 1;
        let checks = &schema.checks;
        let count = i64::try_from(map.len()).unwrap_or(i64::MAX);
        if let Some(min) = checks.min_properties.filter(|min| count < *min) {
            return self.counts(count, &format!("should have at least {min} properties"));
        }
        if let Some(max) = checks.max_properties.filter(|max| count > *max) {
            let error = too_many(&self.field(), map.len(), max);
            return self.report(error);
        }
        if let Additional::Schema(values) = &schema.additional {
            for (name, value) in map {
                if !schema.properties.contains_key(name.as_str()) {
                    self.below(values, name, value, old);
                }
            }
        }
        for (name, property) in &schema.properties {
            if let Some(value) = map.get(name) {
                self.below(property, name, value, old);
            }
        }
        for name in &checks.required {
            let is_filled =
                || schema.properties.get(name).is_some_and(|known| known.default.is_some());
            if !map.contains_key(name) && !is_filled() {
                self.require(name);
            }
        }
    }

    fn below(&mut self, schema: &Structural, name: &str, value: &Json, old: Option<View<'_>>) {
        let old = old.and_then(|old| old.get(name));
        self.within(
            |at, look| at.field(name, look),
            |walk| {
                walk.ratcheted(schema, View::of(value), old);
            },
        );
    }

    pub(super) fn items(&mut self, schema: &Structural, items: &[Json], old: Option<View<'_>>) {
        self.matches += 1;
        if let Some(one) = &schema.items {
            let old = match (&schema.list, old) {
                (ListType::Map(keys), Some(View::List(old))) => lists::by_key(keys, old),
                _ => Default::default(),
            };
            for (index, item) in items.iter().enumerate() {
                let old = match &schema.list {
                    ListType::Map(keys) => old.get(&lists::key(keys, item)).copied(),
                    _ => None,
                };
                self.within(
                    |at, look| at.index(index, look),
                    |walk| {
                        walk.ratcheted(one, View::of(item), old.map(View::of));
                    },
                );
            }
        }
        let checks = &schema.checks;
        let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
        if let Some(min) = checks.min_items.filter(|min| count < *min) {
            self.counts(count, &format!("should have at least {min} items"));
        }
        if let Some(max) = checks.max_items.filter(|max| count > *max) {
            let error = too_many(&self.field(), items.len(), max);
            self.report(error);
        }
        if checks.unique_items && lists::has_duplicates(items) {
            self.breaks(View::List(items), "shouldn't contain duplicates");
        }
    }

    /// A count breaks a rule.
    fn counts(&mut self, count: i64, rule: &str) {
        let path = self.at.path();
        let detail = format!("{path} in body {rule}");
        let error = invalid(&self.field(), Some(&Json::from(count)), &detail);
        self.report(error);
    }

    /// Looks at a part of the value.
    fn within(
        &mut self,
        step: impl FnOnce(&mut crate::report::At, &mut dyn FnMut(&mut crate::report::At)),
        mut look: impl FnMut(&mut Self),
    ) {
        let mut at = std::mem::take(&mut self.at);
        step(&mut at, &mut |at| {
            std::mem::swap(at, &mut self.at);
            look(self);
            std::mem::swap(at, &mut self.at);
        });
        self.at = at;
    }
}
