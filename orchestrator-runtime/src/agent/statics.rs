//! Static pods: the pods of the manifests in a directory, whatever the API says.
//!
//! The directory is read when the agent starts and again whenever inotify tells of a change in
//! it. A pod's uid is the hash of its manifest, so a changed manifest is another pod: the old one
//! ends and the new one begins. The API gets a [mirror](super::mirror) of each.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use k8s_openapi::api::core::v1::{Pod, Toleration};
use orchestrator_client::KindExt;
use orchestrator_client::manifest::Manifest;
use orchestrator_core::Env;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use sha2::{Digest, Sha256};

use super::pods::Pods;
use crate::raw::Watched;

/// The annotation that says where a pod comes from.
const SOURCE: &str = "kubernetes.io/config.source";

/// The annotation with the hash of a static pod's manifest.
pub(super) const HASH: &str = "kubernetes.io/config.hash";

/// The annotation that says when the manifest was first seen.
const SEEN: &str = "kubernetes.io/config.seen";

/// The longest manifest that is read: the kubelet's limit.
const LONGEST_BYTES: u64 = 10 * 1024 * 1024;

/// Reads the directory, then follows it.
pub(super) async fn run(dir: PathBuf, env: Env, node: String, pods: Weak<Pods>) {
    let watch = match watch(&dir) {
        Ok(watch) => watch,
        Err(error) => {
            return tracing::error!(dir = %dir.display(), %error, "static pods not followed");
        }
    };
    loop {
        let found = read(&dir, &env, &node);
        let Some(table) = pods.upgrade() else { return };
        table.statics(found);
        drop(table);
        watch.readable().await;
        drain(&watch);
    }
}

fn watch(dir: &Path) -> io::Result<Watched> {
    std::fs::create_dir_all(dir)?;
    let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    let changes = WatchFlags::CLOSE_WRITE | WatchFlags::MOVE | WatchFlags::DELETE;
    inotify::add_watch(&inotify, dir, changes)?;
    Watched::new(inotify)
}

/// Takes all events out: what changed is found by reading the directory.
fn drain(watch: &Watched) {
    let mut buffer = [0; 4096];
    while rustix::io::read(watch, &mut buffer).is_ok_and(|count| count > 0) {}
}

/// The pods of the directory, by uid; a file that cannot be read is reported and left out.
pub(super) fn read(dir: &Path, env: &Env, node: &str) -> BTreeMap<String, Arc<Pod>> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        path.is_file() && name.is_some_and(|name| !name.starts_with('.'))
    });
    paths.sort();
    let mut pods = BTreeMap::new();
    for path in paths {
        match read_file(&path, env, node) {
            Ok(found) => pods.extend(found.into_iter().map(|pod| (pod.uid().to_owned(), pod))),
            Err(error) => tracing::warn!(path = %path.display(), %error, "no static pod"),
        }
    }
    pods
}

fn read_file(
    path: &Path,
    env: &Env,
    node: &str,
) -> Result<Vec<Arc<Pod>>, orchestrator_core::BoxError> {
    if std::fs::metadata(path)?.len() > LONGEST_BYTES {
        return Err("the file is too long".into());
    }
    let text = std::fs::read_to_string(path)?;
    let manifest = Manifest::parse(&path.to_string_lossy(), &text)?;
    let mut pods = Vec::new();
    for document in manifest.documents() {
        let object = &document.object;
        if (object.api_version(), object.kind()) != ("v1", "Pod") {
            return Err(format!("{} is no pod", document.title()).into());
        }
        let pod: Pod = object.to_typed()?;
        pods.push(Arc::new(complete(pod, env, node)?));
    }
    Ok(pods)
}

/// The pod of a manifest as this node runs it.
fn complete(mut pod: Pod, env: &Env, node: &str) -> Result<Pod, orchestrator_core::BoxError> {
    let name = pod.metadata.name.clone().filter(|name| !name.is_empty()).ok_or("no name")?;
    let hash = Sha256::new_with_prefix(node).chain_update(serde_json::to_vec(&pod)?).finalize();
    // As long as the hashes that people know from the kubelet.
    let hash: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let meta = &mut pod.metadata;
    meta.name = Some(format!("{name}-{node}"));
    meta.namespace.get_or_insert_with(|| "default".into());
    meta.uid = Some(hash.clone());
    let annotations = meta.annotations.get_or_insert_default();
    annotations.insert(SOURCE.into(), "file".into());
    annotations.insert(HASH.into(), hash);
    annotations.insert(SEEN.into(), env.now_rfc3339());
    let spec = pod.spec.as_mut().ok_or("no spec")?;
    spec.node_name = Some(node.to_owned());
    let everything = Toleration {
        operator: Some("Exists".into()),
        effect: Some("NoExecute".into()),
        ..Toleration::default()
    };
    spec.tolerations.get_or_insert_default().push(everything);
    pod.status = None;
    Ok(pod)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn manifests_become_pods_of_the_node() {
        let dir = tempfile::tempdir().unwrap();
        let pod = |image: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\n\
                     spec: {{containers: [{{name: a, image: {image}}}]}}\n"
            )
        };
        std::fs::write(dir.path().join("web.yaml"), pod("one")).unwrap();
        std::fs::write(dir.path().join("broken.yaml"), "{").unwrap();
        std::fs::write(dir.path().join("map.yaml"), "apiVersion: v1\nkind: ConfigMap\n").unwrap();
        std::fs::write(dir.path().join(".hidden.yaml"), pod("two")).unwrap();
        let env = Env::simulated(1);
        let found = read(dir.path(), &env, "node-0");
        assert_eq!(found.len(), 1);
        let (uid, pod_found) = found.first_key_value().unwrap();
        assert_eq!((pod_found.name(), pod_found.namespace()), ("web-node-0", "default"));
        assert_eq!(pod_found.annotation(HASH), Some(uid.as_str()));
        assert_eq!(read(dir.path(), &env, "node-0").keys().next(), Some(uid));
        std::fs::write(dir.path().join("web.yaml"), pod("two")).unwrap();
        assert_ne!(read(dir.path(), &env, "node-0").keys().next(), Some(uid));
    }
}
