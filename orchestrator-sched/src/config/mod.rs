//! Schedulers from a `KubeSchedulerConfiguration`, as upstream's program reads it.
//!
//! A [`Registry`] knows the plugins by name and makes them from their arguments; a configuration
//! says which of them each profile has, at which extension points, in which order and with which
//! weights. Here PreFilter goes with Filter and PreScore with Score: a plugin is at both or at
//! neither. What is not supported is an error that names the field, never ignored.

mod args;
mod locate;
mod registry;
mod selection;
mod wire;

pub use registry::{Make, Registry};

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::BoxError;
use serde_json::Value as Json;

use crate::Backoff;
use crate::framework::{BuildError, Framework};
use selection::Selection;

/// The largest file that is read: far more than any configuration.
const MAX_BYTES: usize = 1 << 20;

/// What a configuration says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Configuration {
    /// The schedulers, in order.
    pub profiles: Vec<Arc<Framework>>,
    /// How long pods wait before they are tried again.
    pub backoff: Backoff,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {0}")]
    Read(String, #[source] std::io::Error),
    /// The text is no YAML, or not of the known shape; the source names line and column.
    #[error("not a KubeSchedulerConfiguration")]
    Parse(#[source] BoxError),
    /// A field has a value that makes no sense, or is not supported.
    #[error("{}{field}: {why}", at(*line))]
    Field {
        /// The line of the field, or of what it is in; `None` where it is not in the text.
        line: Option<u64>,
        /// The path of the field.
        field: String,
        /// What is wrong with it.
        why: String,
    },
    /// The plugins of a profile do not make a scheduler.
    #[error("{}{field}", at(*line))]
    Build {
        /// The line of the profile.
        line: Option<u64>,
        /// The path of the profile.
        field: String,
        /// Why.
        source: BuildError,
    },
}

impl ConfigError {
    fn field(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Field { line: None, field: field.into(), why: why.into() }
    }

    /// With the line in `text` that it is about.
    fn located(mut self, text: &str) -> Self {
        match &mut self {
            Self::Field { line, field, why } => {
                // What is wrong with arguments begins with the field among them.
                let within = why.split(':').next().unwrap_or_default();
                *line = locate::line(text, &format!("{field}.{within}"));
            }
            Self::Build { line, field, .. } => *line = locate::line(text, field),
            Self::Read(..) | Self::Parse(_) => {}
        }
        self
    }
}

/// The beginning of a message about a line.
fn at(line: Option<u64>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

impl Configuration {
    /// Reads a file with the built-in plugins.
    ///
    /// # Errors
    /// It cannot be read or used.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|why| ConfigError::Read(name, why))?;
        Self::parse(&text, &Registry::default())
    }

    /// Reads YAML or JSON with the plugins of `registry`.
    ///
    /// # Errors
    /// The text cannot be used.
    pub fn parse(text: &str, registry: &Registry) -> Result<Self, ConfigError> {
        Self::parse_text(text, registry).map_err(|why| why.located(text))
    }

    fn parse_text(text: &str, registry: &Registry) -> Result<Self, ConfigError> {
        if text.len() > MAX_BYTES {
            return Err(ConfigError::field("", format!("longer than {MAX_BYTES} bytes")));
        }
        let wire: wire::Configuration =
            serde_saphyr::from_str(text).map_err(|why| ConfigError::Parse(why.into()))?;
        wire.check()?;
        let backoff = backoff(&wire)?;
        let mut profiles = wire.profiles.unwrap_or_default();
        if profiles.is_empty() {
            profiles.push(wire::Profile::default());
        }
        let mut names = BTreeSet::new();
        let mut built = Vec::with_capacity(profiles.len());
        for (index, profile) in profiles.iter().enumerate() {
            let framework = build(profile, index, registry)?;
            if !names.insert(profile.name().to_owned()) {
                let field = format!("profiles[{index}].schedulerName");
                return Err(ConfigError::field(
                    field,
                    format!("{:?} is there twice", profile.name()),
                ));
            }
            built.push(Arc::new(framework));
        }
        Ok(Self { profiles: built, backoff })
    }
}

fn backoff(wire: &wire::Configuration) -> Result<Backoff, ConfigError> {
    let default = Backoff::default();
    let initial = wire.pod_initial_backoff_seconds.map(|s| ("podInitialBackoffSeconds", s));
    let max = wire.pod_max_backoff_seconds.map(|s| ("podMaxBackoffSeconds", s));
    let read = |given: Option<(&str, i64)>, default| match given {
        None => Ok(default),
        Some((_, seconds @ 1..)) => Ok(Duration::from_secs(seconds.unsigned_abs())),
        Some((field, _)) => Err(ConfigError::field(field, "must be greater than 0")),
    };
    let (initial, max) = (read(initial, default.initial)?, read(max, default.max)?);
    if max < initial {
        let why = "must be greater than or equal to podInitialBackoffSeconds";
        return Err(ConfigError::field("podMaxBackoffSeconds", why));
    }
    Ok(Backoff { initial, max, ..default })
}

fn build(
    profile: &wire::Profile,
    index: usize,
    registry: &Registry,
) -> Result<Framework, ConfigError> {
    let field = format!("profiles[{index}]");
    let selection = Selection::new(profile.plugins.as_ref(), registry)
        .map_err(|(at, why)| ConfigError::field(format!("{field}.plugins.{at}"), why))?;
    let mut args: BTreeMap<&str, (usize, &Json)> = BTreeMap::new();
    for (at, config) in profile.plugin_config.iter().flatten().enumerate() {
        let field = format!("{field}.pluginConfig[{at}]");
        if !registry.contains(&config.name) {
            return Err(ConfigError::field(
                field,
                format!("no plugin is called {:?}", config.name),
            ));
        }
        if args.insert(&config.name, (at, &config.args)).is_some() {
            return Err(ConfigError::field(field, format!("{:?} is there twice", config.name)));
        }
    }
    let mut builder = Framework::builder(profile.name());
    for name in selection.plugins() {
        let given = args.get(name);
        let plugin = registry.make(name, given.map_or(&Json::Null, |(_, args)| args));
        let plugin = plugin.map_err(|why| {
            let at = given.map(|(at, _)| at.to_string()).unwrap_or_default();
            ConfigError::field(format!("{field}.pluginConfig[{at}].args"), why)
        })?;
        builder = builder.with_shared(plugin);
    }
    let builder = selection.apply(builder);
    builder.build().map_err(|source| ConfigError::Build { line: None, field, source })
}

#[cfg(test)]
mod tests;
