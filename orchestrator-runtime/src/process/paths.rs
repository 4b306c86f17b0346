//! Paths: how a container without a mount namespace finds its volumes.
//!
//! Every container has a root directory. A mount at `/etc/app` is a link `<root>/etc/app` to the
//! volume. Since the process sees the host's `/`, three rules bring it to its own files:
//!
//! 1. A mount path that stands in the command, the arguments or a value of the pod's environment
//!    is replaced by the path of the link, also inside a longer text such as a shell script. It
//!    must stand as a whole path or be followed by a slash: `/data` is not found in `/database`
//!    or in `/srv/data`.
//! 2. The working directory is the root itself; one that the pod names is the link's if it lies
//!    in a mount, else the host's if that exists, else a new one below the root.
//! 3. The variable `ORCHESTRATOR_ROOT` holds the root.
//!
//! A program that has a mount path compiled in does not find it: that needs a runtime with mount
//! namespaces.

use std::io;
use std::path::{Component, Path, PathBuf};

use orchestrator_core::runtime::Mount;

/// The paths of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Paths {
    root: PathBuf,
    /// Mount paths and their links, the longest first so that the most exact one wins.
    links: Vec<(String, PathBuf)>,
}

impl Paths {
    /// Makes the root directory with a link for each mount.
    ///
    /// # Errors
    /// A mount path is not absolute or leaves the root; the directory cannot be made.
    pub fn make(root: &Path, mounts: &[Mount]) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        let mut links = Vec::with_capacity(mounts.len());
        for mount in mounts {
            let path = normal(&mount.container_path)?;
            let link = root.join(&path);
            links.push((format!("/{}", path.display()), link, mount.host_path.clone()));
        }
        // Outer mounts come first, so that an inner one can be made inside where that is allowed.
        links.sort();
        for (_, link, target) in &links {
            make_link(link, target)?;
        }
        let mut links: Vec<_> = links.into_iter().map(|(path, link, _)| (path, link)).collect();
        links.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        links.dedup();
        Ok(Self { root: root.to_owned(), links })
    }

    /// The root directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The text with every mount path in it replaced.
    pub fn rewrite(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let found = self.links.iter().find(|(path, _)| stands_at(text, at, path));
            if let Some((path, link)) = found {
                out.push_str(&link.to_string_lossy());
                at += path.len();
                continue;
            }
            let next = text[at..].chars().next().expect("there is text left");
            out.push(next);
            at += next.len_utf8();
        }
        out
    }

    /// The directory where a process starts, made where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn working_dir(&self, named: &str) -> io::Result<PathBuf> {
        if named.is_empty() {
            return Ok(self.root.clone());
        }
        let rewritten = self.rewrite(named);
        if rewritten != named || Path::new(named).is_dir() {
            return Ok(rewritten.into());
        }
        let dir = self.root.join(normal(named)?);
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Where a file that the container names is on the host.
    pub fn host_path(&self, named: &str) -> PathBuf {
        self.rewrite(named).into()
    }
}

/// A container's path relative to its root.
fn normal(path: &str) -> io::Result<PathBuf> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("invalid path {path:?}"));
    let mut normal = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => normal.push(name),
            Component::ParentDir | Component::Prefix(_) => return Err(invalid()),
        }
    }
    if normal.as_os_str().is_empty() { Err(invalid()) } else { Ok(normal) }
}

fn make_link(link: &Path, target: &Path) -> io::Result<()> {
    if let Some(parent) = link.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::os::unix::fs::symlink(target, link) {
        // Inside another mount the place may be taken; an equal link is of an earlier run.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if std::fs::read_link(link).is_ok_and(|present| present == target) {
                return Ok(());
            }
            std::fs::remove_file(link).or_else(|_| std::fs::remove_dir(link))?;
            std::os::unix::fs::symlink(target, link)
        }
        other => other,
    }
}

/// Whether `path` stands in `text` at `at` as a path of its own.
fn stands_at(text: &str, at: usize, path: &str) -> bool {
    let in_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let before = text[..at].chars().next_back();
    let after = text[at..].strip_prefix(path).map(|rest| rest.chars().next());
    let starts = before.is_none_or(|c| !in_path(c) && !matches!(c, '/' | '~' | '}' | ')' | '*'));
    starts && after.is_some_and(|next| next.is_none_or(|c| !in_path(c)))
}

#[cfg(test)]
mod tests {
    use orchestrator_core::runtime::Propagation;

    use super::*;

    fn paths(dir: &Path, mounts: &[(&str, &Path)]) -> Paths {
        let mounts: Vec<Mount> = mounts
            .iter()
            .map(|(path, host)| Mount {
                container_path: (*path).into(),
                host_path: (*host).into(),
                read_only: false,
                propagation: Propagation::Private,
            })
            .collect();
        Paths::make(dir, &mounts).unwrap()
    }

    #[test]
    fn mount_paths_are_replaced_only_where_they_stand_alone() {
        let links = ["/data", "/data/in", "/etc/app"]
            .map(|p| (p.to_owned(), Path::new("/r").join(&p[1..])));
        let mut links = links.to_vec();
        links.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let paths = Paths { root: "/r".into(), links };
        let cases = [
            ("/data", "/r/data"),
            ("/data/x", "/r/data/x"),
            ("/data/in/x", "/r/data/in/x"),
            ("/database /srv/data /data-2 /data.txt", "/database /srv/data /data-2 /data.txt"),
            ("cat '/data/x' >/etc/app;", "cat '/r/data/x' >/r/etc/app;"),
            ("--path=/data:/etc/app", "--path=/r/data:/r/etc/app"),
            ("$HOME/data ${X}/data ~/data", "$HOME/data ${X}/data ~/data"),
            ("grüß /data ü", "grüß /r/data ü"),
        ];
        for (text, expected) in cases {
            assert_eq!(paths.rewrite(text), expected);
        }
    }

    #[test]
    fn a_root_has_links_to_its_volumes() {
        let dir = tempfile::tempdir().unwrap();
        let volume = dir.path().join("volume");
        std::fs::create_dir(&volume).unwrap();
        std::fs::write(volume.join("key"), "value").unwrap();
        let root = dir.path().join("root");
        for _ in 0..2 {
            let paths = paths(&root, &[("/etc/app", &volume), ("/etc/app/", &volume)]);
            let file = paths.host_path("/etc/app/key");
            assert_eq!(std::fs::read_to_string(file).unwrap(), "value");
            assert_eq!(paths.working_dir("").unwrap(), root);
            assert_eq!(paths.working_dir("/etc/app").unwrap(), root.join("etc/app"));
            assert_eq!(paths.working_dir("/tmp").unwrap(), Path::new("/tmp"));
            assert_eq!(paths.working_dir("/no/such").unwrap(), root.join("no/such"));
        }
    }

    #[test]
    fn paths_that_leave_the_root_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for bad in ["/", "", "/../etc", "/a/../../b"] {
            let mount = Mount {
                container_path: bad.into(),
                host_path: "/tmp".into(),
                read_only: false,
                propagation: Propagation::Private,
            };
            assert!(Paths::make(dir.path(), &[mount]).is_err(), "{bad:?}");
        }
    }
}
