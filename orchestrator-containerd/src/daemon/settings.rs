//! The configuration that containerd is started with.

use std::path::Path;

use super::Places;
use crate::config::OwnContainerd;

/// The text of the configuration file, in version 2.
pub(super) fn text(config: &OwnContainerd, places: &Places, pause: &str) -> String {
    let path = |path: &Path| quoted(&path.display().to_string());
    let (data, state, socket) = (path(&places.data), path(&places.state), path(&places.socket));
    let (plugins, network) = (path(&config.cni_plugins), path(&config.cni_config));
    let registries = path(&places.registries);
    let runc = path(&places.root.join("runc"));
    let (pause, snapshotter) = (quoted(pause), quoted(&config.snapshotter));
    let cri = "plugins.\"io.containerd.grpc.v1.cri\"";
    format!(
        r#"version = 2
root = {data}
state = {state}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.restart",
]

[grpc]
address = {socket}

[{cri}]
sandbox_image = {pause}
# Without CAP_SYS_RESOURCE no process may be protected more than this one is.
restrict_oom_score_adj = true
# Names of networks are files of ours, not of the host.
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"

[{cri}.cni]
bin_dir = {plugins}
conf_dir = {network}

[{cri}.registry]
config_path = {registries}

[{cri}.containerd]
snapshotter = {snapshotter}
default_runtime_name = "runc"

[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[{cri}.containerd.runtimes.runc.options]
Root = {runc}
"#
    )
}

/// A string of TOML, which quotes as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ContainerdConfig, Source};

    #[test]
    fn paths_are_quoted_and_the_pause_image_is_named() {
        let Source::Own(own) = ContainerdConfig::own("node", "/data/a \"b\"").source else {
            panic!("own")
        };
        let text = text(&own, &Places::of(&own.root), "docker.io/orchestrator/pause:1");
        assert!(text.contains(r#"root = "/data/a \"b\"/containerd/root""#), "{text}");
        assert!(text.contains(r#"sandbox_image = "docker.io/orchestrator/pause:1""#), "{text}");
        assert!(text.contains("restrict_oom_score_adj = true"), "{text}");
    }
}
