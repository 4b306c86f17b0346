//! Which plugins there are, and how each is made from its arguments.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde_json::Value as Json;

use super::args;
use crate::framework::Plugin;
use crate::plugins;

/// Makes a plugin from its arguments, null for none; an error says what is wrong with them.
pub type Make = Arc<dyn Fn(&Json) -> Result<Arc<dyn Plugin>, String> + Send + Sync>;

/// The plugins that a configuration can name.
///
/// # Examples
/// ```
/// use orchestrator_sched::config::{Configuration, Registry};
/// let text = "{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration}";
/// let configuration = Configuration::parse(text, &Registry::default())?;
/// assert_eq!(configuration.profiles.len(), 1);
/// # Ok::<(), orchestrator_sched::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    plugins: IndexMap<String, Entry, FxBuildHasher>,
}

#[derive(Clone)]
struct Entry {
    make: Make,
    /// The weight of its score where it is on by default; `None` where it is not.
    default: Option<i64>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.plugins.keys()).finish()
    }
}

impl Default for Registry {
    /// The built-in plugins, in their default order, and `GangScheduling`, which is in no profile
    /// that does not name it.
    fn default() -> Self {
        let mut registry = Self { plugins: IndexMap::default() };
        for (plugin, weight) in plugins::default_set() {
            let (name, make) = (plugin.name(), args::maker(plugin));
            registry.plugins.insert(name.to_owned(), Entry { make, default: Some(weight) });
        }
        // Each profile has gangs of its own.
        registry.with(
            "GangScheduling",
            Arc::new(|args: &Json| match args.is_null() {
                true => Ok(Arc::new(plugins::GangScheduling::default()) as Arc<dyn Plugin>),
                false => Err("GangScheduling takes no arguments here".into()),
            }),
        )
    }
}

impl Registry {
    /// Adds a plugin that configurations can name; it is in no profile unless one names it.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, make: Make) -> Self {
        self.plugins.insert(name.into(), Entry { make, default: None });
        self
    }

    /// Adds a plugin that is in every profile unless one takes it out; its score has this weight
    /// where it has one. It takes no arguments.
    #[must_use]
    pub fn with_default(mut self, plugin: Arc<dyn Plugin>, weight: i64) -> Self {
        let (name, make) = (plugin.name(), args::maker(plugin));
        self.plugins.insert(name.to_owned(), Entry { make, default: Some(weight) });
        self
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.plugins.contains_key(name)
    }

    /// The plugins that are on by default, in order.
    pub(super) fn defaults(&self) -> impl Iterator<Item = &str> {
        let on = self.plugins.iter().filter(|(_, entry)| entry.default.is_some());
        on.map(|(name, _)| name.as_str())
    }

    pub(super) fn default_weights(&self) -> impl Iterator<Item = (String, i64)> {
        self.plugins.iter().filter_map(|(name, entry)| Some((name.clone(), entry.default?)))
    }

    pub(super) fn make(&self, name: &str, args: &Json) -> Result<Arc<dyn Plugin>, String> {
        let entry = self.plugins.get(name).expect("the selection names registered plugins");
        (entry.make)(args)
    }
}
