//! The atomic writer: all files of a volume change together.
//!
//! The files are in a directory of their own; `..data` is a link to it, and each visible name is
//! a link into `..data`. A new version is written beside the old one, then `..data` is renamed
//! over, so a reader that opens `..data` once sees one version.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::payload::Payload;

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";

/// The two names that versions take in turn: one is shown while the other is written.
const VERSIONS: [&str; 2] = ["..version_a", "..version_b"];

/// Makes `dir` show `payload` and nothing else; does nothing where it does already.
pub(super) fn write(dir: &Path, payload: &Payload) -> io::Result<()> {
    let shown = std::fs::read_link(dir.join(DATA)).ok();
    if shown.as_ref().is_some_and(|version| shows(&dir.join(version), payload)) {
        return link_names(dir, payload);
    }
    let version = VERSIONS.iter().find(|name| shown.as_deref() != Some(Path::new(name)));
    let version = version.expect("one of two names is not shown");
    let new = dir.join(version);
    remove(&new)?;
    write_files(&new, payload)?;
    let link = dir.join(NEW_DATA);
    remove(&link)?;
    symlink(version, &link)?;
    std::fs::rename(&link, dir.join(DATA))?;
    link_names(dir, payload)?;
    match shown {
        Some(old) => remove(&dir.join(old)),
        None => Ok(()),
    }
}

/// Whether the files of a version are those of the payload.
fn shows(version: &Path, payload: &Payload) -> bool {
    let mut present = BTreeSet::new();
    list(version, Path::new(""), &mut present);
    present.len() == payload.len()
        && payload.iter().all(|(path, file)| {
            let path = version.join(path);
            let mode = std::fs::metadata(&path).map(|m| m.permissions().mode() & 0o777);
            mode.is_ok_and(|mode| mode == file.mode)
                && std::fs::read(&path).is_ok_and(|bytes| bytes == file.bytes)
        })
}

fn list(root: &Path, below: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(root.join(below)).into_iter().flatten().flatten() {
        let path = below.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(root, &path, found);
        } else {
            found.insert(path);
        }
    }
}

fn write_files(version: &Path, payload: &Payload) -> io::Result<()> {
    std::fs::create_dir_all(version)?;
    for (path, file) in payload {
        let path = version.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, &file.bytes)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(file.mode))?;
    }
    Ok(())
}

/// Links each first part of a path into `..data`, and removes names that are shown no more.
fn link_names(dir: &Path, payload: &Payload) -> io::Result<()> {
    let wanted: BTreeSet<OsString> = payload
        .keys()
        .filter_map(|path| path.components().next())
        .map(|first| first.as_os_str().to_owned())
        .collect();
    for name in &wanted {
        let (link, target) = (dir.join(name), Path::new(DATA).join(name));
        if std::fs::read_link(&link).ok().as_ref() != Some(&target) {
            remove(&link)?;
            symlink(target, link)?;
        }
    }
    for entry in std::fs::read_dir(dir)?.flatten() {
        let name = entry.file_name();
        let ours = name.to_string_lossy().starts_with("..");
        let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if link && !ours && !wanted.contains(&name) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes whatever is at `path`; nothing is as good.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
