//! Archives of images: read whole, so that nothing of a bad one reaches containerd.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use super::build::Built;
use super::manifest::{
    CONFIG, DOCKER_LIST, Descriptor, DockerEntry, INDEX, Index, LAYER, LAYER_GZIP, MANIFEST,
    Manifest, NAMES, here,
};
use super::{ImageError, ImageName};

/// The most that an archive may hold: an archive is read into memory.
const LARGEST: u64 = 4 << 30;

/// The first bytes of what gzip has made.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An image, or several, with all its blobs.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    /// The blobs by digest.
    pub(super) blobs: BTreeMap<String, Bytes>,
    /// What to name, and how.
    pub(super) images: Vec<(ImageName, Descriptor)>,
}

impl Archive {
    /// Reads an archive of the Open Container Initiative or of docker, packed by gzip or not. Images
    /// that it does not name are named `name`.
    ///
    /// # Errors
    /// It is no such archive, a blob is missing or is not what its digest says.
    pub fn read(archive: impl Read, name: Option<&str>) -> Result<Self, ImageError> {
        let mut files = unpack(archive)?;
        let default = name.map(ImageName::parse).transpose()?;
        match (files.remove("index.json"), files.remove("manifest.json")) {
            (Some(index), _) => Self::oci(files, &index, default),
            (None, Some(table)) => Self::docker(&files, &table, default),
            (None, None) => {
                Err(ImageError::Malformed("it has neither index.json nor manifest.json".into()))
            }
        }
    }

    /// The archive of an image that was built.
    ///
    /// # Errors
    /// The name is none.
    pub fn of(built: Built, name: &str) -> Result<Self, ImageError> {
        let images = vec![(ImageName::parse(name)?, built.manifest)];
        Ok(Self { blobs: built.blobs, images })
    }

    /// The names of its images.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.images.iter().map(|(name, _)| name.to_string())
    }

    fn oci(
        files: BTreeMap<String, Bytes>,
        index: &[u8],
        default: Option<ImageName>,
    ) -> Result<Self, ImageError> {
        let mut archive = Self::default();
        for (path, bytes) in files {
            let Some(hash) = path.strip_prefix("blobs/sha256/") else { continue };
            let digest = digest(&bytes);
            if digest.strip_prefix("sha256:") != Some(hash) {
                return Err(ImageError::Malformed(format!("{path} is not what its name says")));
            }
            archive.blobs.insert(digest, bytes);
        }
        let index: Index = parse("index.json", index)?;
        for descriptor in index.manifests {
            let named = NAMES.iter().find_map(|key| descriptor.annotations.get(*key));
            // A name may be no more than a tag, which says nothing by itself.
            let named = named.filter(|name| name.contains(['/', ':']));
            let name = match named {
                Some(name) => ImageName::parse(name)?,
                None => default.clone().ok_or_else(|| {
                    ImageError::Malformed("it names no image; give a name".into())
                })?,
            };
            let descriptor = archive.choose(descriptor)?;
            archive.images.push((name, descriptor));
        }
        Ok(archive)
    }

    /// The manifest for this machine, where there are several; all that it names must be there.
    fn choose(&self, descriptor: Descriptor) -> Result<Descriptor, ImageError> {
        let missing = |digest: &str| ImageError::Malformed(format!("blob {digest} is missing"));
        let blob = |digest: &str| self.blobs.get(digest).ok_or_else(|| missing(digest));
        if matches!(descriptor.media_type.as_str(), INDEX | DOCKER_LIST) {
            let index: Index = parse("an index", blob(&descriptor.digest)?)?;
            let here = here();
            let own = index.manifests.into_iter().find(|manifest| {
                manifest.platform.as_ref().is_none_or(|platform| *platform == here)
            });
            let own = own.ok_or_else(|| {
                ImageError::Malformed(format!("it has no image for {}", here.architecture))
            })?;
            // One step only: lists of lists are not made by anybody.
            if matches!(own.media_type.as_str(), INDEX | DOCKER_LIST) {
                return Err(ImageError::Malformed("a list of lists".into()));
            }
            return self.choose(own);
        }
        let manifest: Manifest = parse("a manifest", blob(&descriptor.digest)?)?;
        for part in manifest.layers.iter().chain([&manifest.config]) {
            blob(&part.digest)?;
        }
        Ok(Descriptor { annotations: BTreeMap::new(), ..descriptor })
    }

    fn docker(
        files: &BTreeMap<String, Bytes>,
        table: &[u8],
        default: Option<ImageName>,
    ) -> Result<Self, ImageError> {
        let mut archive = Self::default();
        let table: Vec<DockerEntry> = parse("manifest.json", table)?;
        for entry in table {
            let file = |path: &str| {
                let missing = || ImageError::Malformed(format!("{path} is missing"));
                files.get(path).cloned().ok_or_else(missing)
            };
            let config = archive.put(CONFIG, file(&entry.config)?);
            let mut layers = Vec::new();
            for path in &entry.layers {
                let bytes = file(path)?;
                let kind = if bytes.starts_with(&GZIP) { LAYER_GZIP } else { LAYER };
                layers.push(archive.put(kind, bytes));
            }
            let (schema_version, media_type) = (2, MANIFEST.to_owned());
            let manifest = Manifest { schema_version, media_type, config, layers };
            let manifest = archive.put_json(MANIFEST, &manifest);
            let tags = entry.repo_tags.unwrap_or_default();
            let mut names = Vec::new();
            for tag in &tags {
                names.push(ImageName::parse(tag)?);
            }
            if names.is_empty() {
                names.extend(default.clone());
            }
            archive.images.extend(names.into_iter().map(|name| (name, manifest.clone())));
        }
        Ok(archive)
    }

    fn put(&mut self, kind: &str, bytes: Bytes) -> Descriptor {
        let digest = digest(&bytes);
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        self.blobs.insert(digest.clone(), bytes);
        Descriptor { media_type: kind.into(), digest, size, ..Descriptor::default() }
    }

    fn put_json(&mut self, kind: &str, document: &impl serde::Serialize) -> Descriptor {
        let bytes = serde_json::to_vec(document).expect("documents of images are plain JSON");
        self.put(kind, bytes.into())
    }
}

/// The digest of a blob.
pub(super) fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|error| ImageError::Malformed(format!("{what}: {error}")))
}

/// The files of the archive by their paths; links stand for what they lead to.
fn unpack(archive: impl Read) -> Result<BTreeMap<String, Bytes>, ImageError> {
    let mut archive = std::io::BufReader::new(archive);
    let packed = std::io::BufRead::fill_buf(&mut archive)?.starts_with(&GZIP);
    let plain: Box<dyn Read> =
        if packed { Box::new(GzDecoder::new(archive)) } else { Box::new(archive) };
    let (mut files, mut links) = (BTreeMap::new(), Vec::new());
    for entry in tar::Archive::new(plain.take(LARGEST)).entries()? {
        let mut entry = entry?;
        let path = clean(&entry.path()?);
        if let Some(target) = entry.link_name()? {
            let folder = Path::new(&path).parent().map(Path::to_owned).unwrap_or_default();
            links.push((path, clean(&folder.join(target))));
        } else if entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(path, Bytes::from(bytes));
        }
    }
    for (path, target) in links {
        if let Some(bytes) = files.get(&target).cloned() {
            files.insert(path, bytes);
        }
    }
    Ok(files)
}

/// A path without `.`, and with `..` taken back.
fn clean(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            std::path::Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            std::path::Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::{ImageSpec, build, write};
    use super::*;

    fn built() -> Built {
        build(&ImageSpec { command: vec!["/bin/app".into()], ..ImageSpec::default() }).unwrap()
    }

    #[test]
    fn what_is_written_is_read_packed_or_not() {
        let archive = Archive::of(built(), "example/app:1").unwrap();
        let mut plain = Vec::new();
        write(&archive, &mut plain).unwrap();
        let read = Archive::read(&*plain, None).unwrap();
        assert_eq!(read.names().collect::<Vec<_>>(), ["docker.io/example/app:1"]);
        assert_eq!(read.blobs, archive.blobs);
        let mut packed = Vec::new();
        let mut packer = flate2::read::GzEncoder::new(&*plain, flate2::Compression::fast());
        packer.read_to_end(&mut packed).unwrap();
        assert_eq!(Archive::read(&*packed, None).unwrap().blobs, archive.blobs);
    }

    #[test]
    fn dockers_archives_are_read() {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, bytes).unwrap();
        };
        let table = r#"[{"Config":"c.json","RepoTags":["app:2"],"Layers":["l/layer.tar"]}]"#;
        add("manifest.json", table.as_bytes());
        add("c.json", b"{}");
        add("l/layer.tar", b"layer");
        let archive = Archive::read(&*tar.into_inner().unwrap(), None).unwrap();
        assert_eq!(archive.names().collect::<Vec<_>>(), ["docker.io/library/app:2"]);
        assert_eq!(archive.blobs.len(), 3);
    }

    #[test]
    fn a_blob_that_is_changed_or_missing_is_found() {
        let mut archive = Archive::of(built(), "app").unwrap();
        let manifest = archive.images[0].1.digest.clone();
        let other = archive.blobs.keys().find(|digest| **digest != manifest).unwrap().clone();
        let mut bytes = Vec::new();
        archive.blobs.remove(&other);
        write(&archive, &mut bytes).unwrap();
        let error = Archive::read(&*bytes, None).unwrap_err().to_string();
        assert!(error.contains("is missing"), "{error}");
        archive.blobs.insert(other, Bytes::from_static(b"something else"));
        bytes.clear();
        write(&archive, &mut bytes).unwrap();
        let error = Archive::read(&*bytes, None).unwrap_err().to_string();
        assert!(error.contains("not what its name says"), "{error}");
        assert!(Archive::read(&b"no archive"[..], None).is_err());
    }
}
