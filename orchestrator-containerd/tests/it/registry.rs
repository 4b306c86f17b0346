//! A registry of the tests' own, whose images are written where it keeps them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use orchestrator_containerd::image::{Archive, write};
use orchestrator_core::runtime::{ImageOp, Runtime, RuntimeError};

use crate::host::{Host, busybox, has};

/// The password of guarded registries, and its hash by bcrypt.
const PASSWORD: &str = "open sesame";
const PASSWORD_HASH: &str = "$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW";

/// A running registry; dropping it ends it.
pub struct Registry {
    child: Child,
    pub address: String,
    store: PathBuf,
}

impl Registry {
    /// Starts a registry; a guarded one gives nothing without the user `tester` and [`PASSWORD`].
    pub fn start(folder: &Path, guarded: bool) -> Self {
        let store = folder.join("registry");
        std::fs::create_dir_all(&store).unwrap();
        // Taken and given back: a number that is free a moment later too, or the start fails aloud.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let mut config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {address}}}\n",
            store.display()
        );
        if guarded {
            let file = folder.join("htpasswd");
            std::fs::write(&file, format!("tester:{PASSWORD_HASH}\n")).unwrap();
            config.push_str(&format!(
                "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                file.display()
            ));
        }
        let file = folder.join("registry.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(file).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.contains("listening on")), "the registry listens");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, store }
    }

    /// Writes the images of `archive` where the registry keeps its own.
    pub fn store(&self, archive: &Archive) {
        let mut bytes = Vec::new();
        write(archive, &mut bytes).unwrap();
        let root = self.store.join("docker/registry/v2");
        let put = |path: PathBuf, bytes: &[u8]| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let mut index = serde_json::Value::Null;
        let mut blobs = Vec::new();
        for entry in tar::Archive::new(&*bytes).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
            if path == "index.json" {
                index = serde_json::from_slice(&content).unwrap();
            } else if let Some(hash) = path.strip_prefix("blobs/sha256/") {
                put(root.join(format!("blobs/sha256/{}/{hash}/data", &hash[..2])), &content);
                blobs.push(hash.to_owned());
            }
        }
        for image in index["manifests"].as_array().unwrap() {
            let name = image["annotations"]["io.containerd.image.name"].as_str().unwrap();
            let (path, tag) = name.split_once('/').unwrap().1.rsplit_once(':').unwrap();
            let repository = root.join("repositories").join(path);
            let digest = image["digest"].as_str().unwrap();
            let hash = digest.strip_prefix("sha256:").unwrap();
            for blob in &blobs {
                let link = repository.join(format!("_layers/sha256/{blob}/link"));
                put(link, format!("sha256:{blob}").as_bytes());
            }
            let revision = repository.join(format!("_manifests/revisions/sha256/{hash}/link"));
            put(revision, digest.as_bytes());
            let tag = repository.join(format!("_manifests/tags/{tag}"));
            put(tag.join("current/link"), digest.as_bytes());
            put(tag.join(format!("index/sha256/{hash}/link")), digest.as_bytes());
        }
    }

    /// Has containerd ask this registry for what is in `host`.
    pub fn stands_for(&self, host: &str, folder: &Path) {
        let dir = folder.join("containerd/certs.d").join(host);
        std::fs::create_dir_all(&dir).unwrap();
        let text =
            format!("[host.\"http://{}\"]\ncapabilities = [\"pull\", \"resolve\"]\n", self.address);
        std::fs::write(dir.join("hosts.toml"), text).unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn images_are_pulled_with_the_secret_of_their_registry() {
    if !has("docker-registry") {
        return eprintln!("SKIPPED: docker-registry is not on this machine");
    }
    let Some(host) = Host::new().await else { return };
    let registry = Registry::start(&host.folder, true);
    registry.store(&busybox());
    registry.stands_for(&registry.address, &host.folder);
    let image = format!("{}/example/app:latest", registry.address);
    let pull = |auth: Vec<String>| ImageOp::Pull { image: image.clone(), pod: "u".into(), auth };
    let secret = |password: &str| {
        let entry = serde_json::json!({"username": "tester", "password": password});
        serde_json::json!({"auths": {(registry.address.clone()): entry}}).to_string()
    };
    for auth in [Vec::new(), vec![secret("wrong")]] {
        let error = host.runtime.image(pull(auth)).await.unwrap_err();
        assert!(matches!(error, RuntimeError::Image(_)), "{error:?}");
        let why = error.chain();
        assert!(why.contains("failed to pull and unpack image"), "{why}");
    }
    let pulled = host.runtime.image(pull(vec![secret("wrong"), secret(PASSWORD)])).await;
    assert!(pulled.unwrap().is_some_and(|image| image.bytes > 0));
    host.runtime.image(ImageOp::Remove(image.clone())).await.unwrap();
    assert_eq!(host.runtime.image(ImageOp::Status(image)).await.unwrap(), None);
    drop(registry);
    host.close().await;
}
