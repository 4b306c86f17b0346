//! Building images: files of this machine become one layer, and a specification a configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::archive::digest;
use super::manifest::{CONFIG, Descriptor, LAYER, MANIFEST, Manifest, here};
use super::spec::{FileSpec, ImageSpec, SpecError};
use super::{ImageError, elf, libraries};

/// An image that was built: its blobs, and the one that names the others.
#[derive(Clone, Debug)]
pub struct Built {
    /// The blobs by digest.
    pub(super) blobs: BTreeMap<String, Bytes>,
    /// The manifest.
    pub(super) manifest: Descriptor,
}

/// Builds an image; the same files make the same image.
///
/// # Errors
/// See [`ImageError`].
pub fn build(spec: &ImageSpec) -> Result<Built, ImageError> {
    let mut layer = Layer::new();
    for file in &spec.files {
        layer.add(file)?;
    }
    let layer = Bytes::from(layer.tar.into_inner()?);
    let layer_digest = digest(&layer);
    let here = here();
    let config = json!({
        "architecture": here.architecture,
        "os": here.os,
        "config": configuration(spec),
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
    });
    let config = Bytes::from(config.to_string());
    let mut blobs = BTreeMap::new();
    let mut put = |kind: &str, digest: String, bytes: Bytes| {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        blobs.insert(digest.clone(), bytes);
        Descriptor { media_type: kind.into(), digest, size, ..Descriptor::default() }
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST.into(),
        config: put(CONFIG, digest(&config), config),
        layers: vec![put(LAYER, layer_digest, layer)],
    };
    let bytes = serde_json::to_vec(&manifest).expect("a manifest is plain JSON");
    let manifest = put(MANIFEST, digest(&bytes), bytes.into());
    Ok(Built { blobs, manifest })
}

fn configuration(spec: &ImageSpec) -> Value {
    let mut config = Map::new();
    let mut put = |key: &str, value: Value| {
        let empty = value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty);
        if !empty {
            config.insert(key.into(), value);
        }
    };
    let mut env = spec.env.clone();
    if !env.iter().any(|variable| variable.starts_with("PATH=")) {
        env.push("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
    }
    put("Entrypoint", json!(spec.entrypoint));
    put("Cmd", json!(spec.command));
    put("Env", json!(env));
    put("WorkingDir", json!(spec.working_dir));
    put("User", json!(spec.user));
    put("StopSignal", json!(spec.stop_signal));
    if !spec.ports.is_empty() {
        let ports: Map = spec.ports.iter().map(|port| (port.clone(), json!({}))).collect();
        put("ExposedPorts", Value::Object(ports));
    }
    Value::Object(config)
}

/// The only layer of an image, as it is being written.
struct Layer {
    tar: tar::Builder<Vec<u8>>,
    /// The paths that are in it.
    present: BTreeSet<PathBuf>,
}

impl Layer {
    fn new() -> Self {
        Self { tar: tar::Builder::new(Vec::new()), present: BTreeSet::new() }
    }

    fn add(&mut self, file: &FileSpec) -> Result<(), ImageError> {
        let path = inside(&file.path)?;
        let mode = match file.mode.as_str() {
            "" => None,
            text => Some(u32::from_str_radix(text, 8).map_err(|_| {
                SpecError::Malformed(format!("{text:?} are no permissions of {}", file.path))
            })?),
        };
        if !file.link.is_empty() {
            return self.link(&path, &file.link);
        }
        if file.folder {
            return self.folder(&path, mode.unwrap_or(0o755));
        }
        if file.from.as_os_str().is_empty() {
            let made = if file.bytes.is_empty() { file.text.as_bytes() } else { &file.bytes };
            return self.file(&path, made, mode.unwrap_or(0o644));
        }
        if file.with_libraries {
            let wrong = |why: String| SpecError::File { path: file.from.clone(), why };
            let bytes = std::fs::read(&file.from).map_err(|error| wrong(error.to_string()))?;
            let program = elf::strip(bytes).map_err(|why| wrong(why.into()))?;
            self.file(&path, &program, mode.unwrap_or(0o755))?;
            for library in libraries::of(&file.from)? {
                let path = inside(&library.display().to_string())?;
                if !self.present.contains(&path) {
                    self.copy(&library, &path, None)?;
                }
            }
            return Ok(());
        }
        self.copy(&file.from, &path, mode)
    }

    /// Copies a file, or a folder with all that is in it.
    fn copy(&mut self, from: &Path, path: &Path, mode: Option<u32>) -> Result<(), ImageError> {
        let wrong =
            |error: io::Error| SpecError::File { path: from.into(), why: error.to_string() };
        let metadata = std::fs::metadata(from).map_err(wrong)?;
        if metadata.is_dir() {
            let entries = std::fs::read_dir(from).map_err(wrong)?;
            let mut names: Vec<PathBuf> = entries
                .map(|e| e.map(|e| e.file_name().into()))
                .collect::<Result<_, _>>()
                .map_err(wrong)?;
            names.sort();
            self.folder(path, metadata.permissions().mode() & 0o7777)?;
            for name in names {
                let inner = from.join(&name);
                let target = std::fs::read_link(&inner);
                match target {
                    Ok(target) => self.link(&path.join(&name), &target.display().to_string())?,
                    Err(_) => self.copy(&inner, &path.join(&name), mode)?,
                }
            }
            return Ok(());
        }
        let bytes = std::fs::read(from).map_err(wrong)?;
        self.file(path, &bytes, mode.unwrap_or(metadata.permissions().mode() & 0o7777))
    }

    fn file(&mut self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), ImageError> {
        self.folders_above(path)?;
        let mut header = header(mode);
        header.set_size(bytes.len() as u64);
        self.present.insert(path.into());
        Ok(self.tar.append_data(&mut header, path, bytes)?)
    }

    fn link(&mut self, path: &Path, target: &str) -> Result<(), ImageError> {
        self.folders_above(path)?;
        let mut header = header(0o777);
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        self.present.insert(path.into());
        Ok(self.tar.append_link(&mut header, path, target)?)
    }

    fn folder(&mut self, path: &Path, mode: u32) -> Result<(), ImageError> {
        self.folders_above(path)?;
        if path.as_os_str().is_empty() || !self.present.insert(path.into()) {
            return Ok(());
        }
        let mut header = header(mode);
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        Ok(self.tar.append_data(&mut header, path, io::empty())?)
    }

    fn folders_above(&mut self, path: &Path) -> Result<(), ImageError> {
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        for folder in above.into_iter().filter(|folder| !folder.as_os_str().is_empty()) {
            if self.present.insert(folder.into()) {
                let mut header = header(0o755);
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                self.tar.append_data(&mut header, folder, io::empty())?;
            }
        }
        Ok(())
    }
}

/// A header without time and owner, so that the same files make the same layer.
fn header(mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// A path in an image, relative to its root.
fn inside(path: &str) -> Result<PathBuf, SpecError> {
    let relative = Path::new(path.trim_start_matches('/'));
    let fits = relative.components().all(|part| matches!(part, Component::Normal(_)));
    match fits && !relative.as_os_str().is_empty() {
        true => Ok(relative.to_owned()),
        false => Err(SpecError::Path(path.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(built: &Built) -> Vec<String> {
        let manifest: Manifest =
            serde_json::from_slice(&built.blobs[&built.manifest.digest]).unwrap();
        let layer = &built.blobs[&manifest.layers[0].digest];
        let mut tar = tar::Archive::new(&**layer);
        let entries = tar.entries().unwrap();
        entries.map(|e| e.unwrap().path().unwrap().display().to_string()).collect()
    }

    #[test]
    fn folders_are_made_once_and_links_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/file"), "text").unwrap();
        std::os::unix::fs::symlink("sub/file", dir.path().join("link")).unwrap();
        let spec = ImageSpec::default().copy(dir.path(), "/srv").link("/bin/sh", "busybox");
        let built = build(&spec).unwrap();
        let expected = ["srv/", "srv/link", "srv/sub/", "srv/sub/file", "bin/", "bin/sh"];
        let found: Vec<String> =
            paths(&built).iter().map(|p| p.trim_end_matches('/').into()).collect();
        let expected: Vec<String> =
            expected.iter().map(|p| p.trim_end_matches('/').into()).collect();
        assert_eq!(found, expected);
        assert_eq!(
            built.manifest,
            build(&spec).unwrap().manifest,
            "the same files, the same image"
        );
    }

    #[test]
    fn a_path_that_leaves_the_image_and_a_missing_file_are_told() {
        for bad in ["", "/", "../x"] {
            let spec = ImageSpec::default().link(bad, "x");
            assert!(matches!(build(&spec), Err(ImageError::Spec(SpecError::Path(_)))), "{bad:?}");
        }
        let error = build(&ImageSpec::default().copy("/no/such", "x")).unwrap_err();
        assert!(error.to_string().contains("/no/such"), "{error}");
    }
}
