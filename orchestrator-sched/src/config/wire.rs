//! The configuration as it is written.

use serde::Deserialize;
use serde_json::Value as Json;

use super::ConfigError;

const API_VERSION: &str = "kubescheduler.config.k8s.io/v1";
const KIND: &str = "KubeSchedulerConfiguration";

/// The file. Fields that say how upstream's program listens, elects leaders and profiles itself
/// are taken and have no meaning here; what would change decisions is not taken silently.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(dead_code)] // taken, without a meaning here
pub(super) struct Configuration {
    pub api_version: String,
    pub kind: String,
    pub profiles: Option<Vec<Profile>>,
    pub pod_initial_backoff_seconds: Option<i64>,
    pub pod_max_backoff_seconds: Option<i64>,
    pub percentage_of_nodes_to_score: Option<i64>,
    pub extenders: Option<Vec<Json>>,
    pub parallelism: Option<i64>,
    pub leader_election: Option<Json>,
    pub client_connection: Option<Json>,
    pub enable_profiling: Option<bool>,
    pub enable_contention_profiling: Option<bool>,
    pub delay_cache_until_active: Option<bool>,
}

/// One scheduler.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Profile {
    pub scheduler_name: Option<String>,
    pub percentage_of_nodes_to_score: Option<i64>,
    pub plugins: Option<Plugins>,
    pub plugin_config: Option<Vec<PluginConfig>>,
}

/// Which plugins are where.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Plugins {
    pub multi_point: Option<PluginSet>,
    pub pre_enqueue: Option<PluginSet>,
    pub queue_sort: Option<PluginSet>,
    pub pre_filter: Option<PluginSet>,
    pub filter: Option<PluginSet>,
    pub post_filter: Option<PluginSet>,
    pub pre_score: Option<PluginSet>,
    pub score: Option<PluginSet>,
    pub reserve: Option<PluginSet>,
    pub permit: Option<PluginSet>,
    pub pre_bind: Option<PluginSet>,
    pub bind: Option<PluginSet>,
    pub post_bind: Option<PluginSet>,
}

/// Changes of a list of plugins.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginSet {
    #[serde(default)]
    pub enabled: Vec<Enabled>,
    #[serde(default)]
    pub disabled: Vec<Disabled>,
}

/// A plugin that is added, or gets another weight.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enabled {
    pub name: String,
    pub weight: Option<i64>,
}

/// A plugin that is taken out; `*` for all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // upstream takes a weight here too
pub(super) struct Disabled {
    pub name: String,
    pub weight: Option<i64>,
}

/// The arguments of a plugin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginConfig {
    pub name: String,
    #[serde(default)]
    pub args: Json,
}

impl Configuration {
    /// Whether the parts that are not about profiles make sense.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.api_version != API_VERSION {
            return Err(ConfigError::field("apiVersion", format!("must be {API_VERSION}")));
        }
        if self.kind != KIND {
            return Err(ConfigError::field("kind", format!("must be {KIND}")));
        }
        if self.extenders.as_ref().is_some_and(|extenders| !extenders.is_empty()) {
            return Err(ConfigError::field("extenders", "not supported; write a plugin"));
        }
        let profiles = self.profiles.iter().flatten();
        let percentages = profiles.map(|profile| profile.percentage_of_nodes_to_score);
        for percentage in percentages.chain([self.percentage_of_nodes_to_score]).flatten() {
            if !(0..=100).contains(&percentage) {
                let why = "not in valid range [0-100]";
                return Err(ConfigError::field("percentageOfNodesToScore", why));
            }
        }
        Ok(())
    }
}

impl Profile {
    pub fn name(&self) -> &str {
        self.scheduler_name.as_deref().unwrap_or("default-scheduler")
    }
}
