//! Which plugins a profile has at which extension point, in which order.
//!
//! The default plugins are at all points that they implement, and so are those of `multiPoint`.
//! A point's own list changes that for the point: what it names comes first, in its order, where
//! it was there anyway, and last where it was not.

use std::collections::{BTreeMap, BTreeSet};

use super::registry::Registry;
use super::wire::{PluginSet, Plugins};
use crate::framework::{FrameworkBuilder, Point};

/// Stands for all plugins in a list of those taken out.
const ALL: &str = "*";

/// The plugins of a profile.
#[derive(Debug)]
pub(super) struct Selection {
    /// At all points that they implement, in order.
    everywhere: Vec<String>,
    weights: BTreeMap<String, i64>,
    /// What is said of single points.
    points: Vec<(Point, Named)>,
}

/// The list of one point.
#[derive(Debug, Default)]
struct Named {
    enabled: Vec<String>,
    disabled: BTreeSet<String>,
}

/// The place of a mistake, and what it is.
type Mistake = (String, String);

impl Selection {
    pub fn new(wire: Option<&Plugins>, registry: &Registry) -> Result<Self, Mistake> {
        let none = Plugins::default();
        let wire = wire.unwrap_or(&none);
        let mut weights: BTreeMap<_, _> = registry.default_weights().collect();
        let defaults = registry.defaults().map(str::to_owned).collect();
        let everywhere = match &wire.multi_point {
            None => defaults,
            Some(set) => {
                let named = Named::read("multiPoint", set, registry, &mut weights)?;
                named.change(defaults)
            }
        };
        goes_with("preFilter", wire.pre_filter.as_ref(), "filter", wire.filter.as_ref())?;
        goes_with("preScore", wire.pre_score.as_ref(), "score", wire.score.as_ref())?;
        let mut points = Vec::new();
        for (point, name, set) in wire.points() {
            let Some(set) = set else { continue };
            points.push((point, Named::read(name, set, registry, &mut weights)?));
        }
        Ok(Self { everywhere, weights, points })
    }

    /// The names of all plugins, each once.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        let mut seen = BTreeSet::new();
        let named = self.points.iter().flat_map(|(_, named)| &named.enabled);
        self.everywhere
            .iter()
            .chain(named)
            .map(String::as_str)
            .filter(move |name| seen.insert(*name))
    }

    /// Arranges the plugins.
    pub fn apply(self, mut builder: FrameworkBuilder) -> FrameworkBuilder {
        for point in Point::ALL {
            let named = self.points.iter().find(|(other, _)| *other == point);
            builder = match named {
                None => builder.among(point, self.everywhere.clone()),
                Some((_, named)) => {
                    let order = named.arrange(&self.everywhere);
                    builder.among(point, order).must_have(point, named.enabled.clone())
                }
            };
        }
        for (name, weight) in self.weights {
            builder = builder.weight_if_scoring(&name, weight);
        }
        builder
    }
}

impl Named {
    fn read(
        at: &str,
        set: &PluginSet,
        registry: &Registry,
        weights: &mut BTreeMap<String, i64>,
    ) -> Result<Self, Mistake> {
        let mut named = Self::default();
        for (index, plugin) in set.enabled.iter().enumerate() {
            let wrong = |why: String| (format!("{at}.enabled[{index}]"), why);
            let name = &plugin.name;
            if !registry.contains(name) {
                return Err(wrong(format!("no plugin is called {name:?}")));
            }
            if named.enabled.contains(name) {
                return Err(wrong(format!("{name:?} is there twice")));
            }
            match plugin.weight {
                // Zero is what a weight that was left out looks like on the wire.
                None | Some(0) => {}
                Some(weight @ 1..) => drop(weights.insert(name.clone(), weight)),
                Some(weight) => return Err(wrong(format!("the weight {weight} is negative"))),
            }
            named.enabled.push(name.clone());
        }
        for (index, plugin) in set.disabled.iter().enumerate() {
            if plugin.name != ALL && !registry.contains(&plugin.name) {
                let why = format!("no plugin is called {:?}", plugin.name);
                return Err((format!("{at}.disabled[{index}]"), why));
            }
            named.disabled.insert(plugin.name.clone());
        }
        Ok(named)
    }

    fn removes(&self, name: &str) -> bool {
        self.disabled.contains(ALL) || self.disabled.contains(name)
    }

    /// The default list with the changes; what stays keeps its place.
    fn change(&self, defaults: Vec<String>) -> Vec<String> {
        let mut changed: Vec<_> = defaults.into_iter().filter(|name| !self.removes(name)).collect();
        let added = self.enabled.iter().filter(|name| !changed.contains(name)).cloned();
        let added: Vec<_> = added.collect();
        changed.extend(added);
        changed
    }

    /// The order at the point, where `everywhere` are the plugins of all points.
    fn arrange(&self, everywhere: &[String]) -> Vec<String> {
        let (first, last): (Vec<_>, Vec<_>) =
            self.enabled.iter().cloned().partition(|name| everywhere.contains(name));
        let stays = |name: &&String| !self.removes(name) && !self.enabled.contains(name);
        let middle = everywhere.iter().filter(stays).cloned();
        first.iter().cloned().chain(middle).chain(last).collect()
    }
}

impl Plugins {
    fn points(&self) -> [(Point, &'static str, Option<&PluginSet>); 10] {
        [
            (Point::PreEnqueue, "preEnqueue", self.pre_enqueue.as_ref()),
            (Point::QueueSort, "queueSort", self.queue_sort.as_ref()),
            (Point::Filter, "filter", self.filter.as_ref()),
            (Point::PostFilter, "postFilter", self.post_filter.as_ref()),
            (Point::Score, "score", self.score.as_ref()),
            (Point::Reserve, "reserve", self.reserve.as_ref()),
            (Point::Permit, "permit", self.permit.as_ref()),
            (Point::PreBind, "preBind", self.pre_bind.as_ref()),
            (Point::Bind, "bind", self.bind.as_ref()),
            (Point::PostBind, "postBind", self.post_bind.as_ref()),
        ]
    }
}

/// A plugin that prepares and judges does both or neither, so the first list may not stand alone.
fn goes_with(
    name: &str,
    before: Option<&PluginSet>,
    with: &str,
    after: Option<&PluginSet>,
) -> Result<(), Mistake> {
    match (before, after) {
        (Some(_), None) => Err((name.to_owned(), format!("must be given together with {with}"))),
        _ => Ok(()),
    }
}
