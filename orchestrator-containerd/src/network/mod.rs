//! The pod network's configuration, as containerd reads it.
//!
//! containerd calls plugins (CNI) to join each pod to the network, and reads what to call from a
//! file, anew whenever that changes. So the network of a node is a file that is written once the
//! node's range of addresses is known; until then containerd says that the network is not ready,
//! and sandboxes that need it wait.

use std::io;
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

/// The file that says how pods are joined to the network.
const FILE: &str = "10-orchestrator.conflist";

/// A network in which the pods of one node are joined by a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeNetwork {
    /// The ranges of pod addresses, at most one of each family, in CIDR form.
    pub ranges: Vec<String>,
    /// The name of the bridge, at most 15 letters.
    pub bridge: String,
}

impl BridgeNetwork {
    /// A network whose bridge has a name of its own for each `folder`.
    pub fn of(folder: &Path, ranges: Vec<String>) -> Self {
        let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
        let bridge: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self { ranges, bridge: format!("orch{bridge}") }
    }

    /// Writes the configuration into `folder`; the addresses given out are noted beside it.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        write(folder, &self.text(&folder.join("addresses")))
    }

    fn text(&self, addresses: &Path) -> String {
        let ranges: Vec<_> = self.ranges.iter().map(|range| json!([{"subnet": range}])).collect();
        let v6 = |range: &String| range.contains(':');
        let routes = [
            self.ranges.iter().any(|range| !v6(range)).then(|| json!({"dst": "0.0.0.0/0"})),
            self.ranges.iter().any(v6).then(|| json!({"dst": "::/0"})),
        ];
        let routes: Vec<_> = routes.into_iter().flatten().collect();
        let bridge = json!({
            "type": "bridge", "bridge": self.bridge, "isGateway": true, "ipMasq": true,
            "hairpinMode": true, "promiscMode": false,
            "ipam": {"type": "host-local", "ranges": ranges, "routes": routes,
                "dataDir": addresses.display().to_string()},
        });
        let ports = json!({"type": "portmap", "capabilities": {"portMappings": true}});
        let loopback = json!({"type": "loopback"});
        let list = json!({"cniVersion": "0.4.0", "name": "orchestrator",
            "plugins": [bridge, ports, loopback]});
        list.to_string()
    }
}

/// Writes a list of plugins into `folder` as the configuration.
///
/// # Errors
/// The disk's.
pub fn write(folder: &Path, list: &str) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (path, fresh) = (folder.join(FILE), folder.join("next"));
    if std::fs::read_to_string(&path).is_ok_and(|present| present == list) {
        return Ok(());
    }
    // Read while it is being written it would be no configuration at all.
    std::fs::write(&fresh, list)?;
    std::fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_a_range_and_a_route() {
        let dir = tempfile::tempdir().unwrap();
        let ranges = vec!["10.244.1.0/24".to_owned(), "fd00:1::/64".to_owned()];
        let network = BridgeNetwork::of(dir.path(), ranges);
        assert!(network.bridge.len() <= 15, "{}", network.bridge);
        network.write(dir.path()).unwrap();
        network.write(dir.path()).unwrap();
        let text = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let ipam = &list["plugins"][0]["ipam"];
        assert_eq!(ipam["ranges"][1][0]["subnet"], "fd00:1::/64");
        assert_eq!(ipam["routes"][0]["dst"], "0.0.0.0/0");
        assert_eq!(ipam["routes"][1]["dst"], "::/0");
    }
}
