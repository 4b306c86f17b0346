//! Writing archives, in the layout of the Open Container Initiative.

use std::io::{self, Write};

use super::Archive;
use super::manifest::{INDEX, Index, NAMES};

/// Writes `archive` as a file that every tool for images reads.
///
/// # Errors
/// The writer's.
pub fn write(archive: &Archive, out: impl Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    add(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let manifests = archive.images.iter().map(|(name, descriptor)| {
        let mut descriptor = descriptor.clone();
        for key in NAMES {
            descriptor.annotations.insert(key.into(), name.to_string());
        }
        descriptor
    });
    let index =
        Index { schema_version: 2, media_type: INDEX.into(), manifests: manifests.collect() };
    let index = serde_json::to_vec(&index).map_err(io::Error::other)?;
    add(&mut tar, "index.json", &index)?;
    for (digest, bytes) in &archive.blobs {
        add(&mut tar, &format!("blobs/{}", digest.replace(':', "/")), bytes)?;
    }
    tar.finish()
}

fn add(tar: &mut tar::Builder<impl Write>, path: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
}
