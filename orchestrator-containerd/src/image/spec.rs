//! The specification of an image that is to be built: which files, and what runs.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A specification that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// It is no specification.
    #[error("cannot read the specification: {0}")]
    Malformed(String),
    /// A file that it names is not there.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A path in the image leaves it.
    #[error("{0:?} is no path in an image")]
    Path(String),
}

/// What an image shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageSpec {
    /// Its name, where none is given on the command line.
    pub name: String,
    /// Its files.
    pub files: Vec<FileSpec>,
    /// The program that runs.
    pub entrypoint: Vec<String>,
    /// Its arguments, where the container gives none.
    pub command: Vec<String>,
    /// Variables, as in `A=b`.
    pub env: Vec<String>,
    /// Where the program starts.
    pub working_dir: String,
    /// Who it runs as: a name, a number, or both a user's and a group's with a colon.
    pub user: String,
    /// The signal that asks it to end.
    pub stop_signal: String,
    /// Ports that it listens at, as in `8080/tcp`; they are for people.
    pub ports: Vec<String>,
}

/// A file, a folder, or a link of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileSpec {
    /// Where it is in the image.
    pub path: String,
    /// The file or folder of this machine that it is a copy of.
    pub from: PathBuf,
    /// What it leads to, where it is a link.
    pub link: String,
    /// Whether it is an empty folder.
    pub folder: bool,
    /// What is in it, where it is written here.
    pub text: String,
    /// What is in it, where a program makes it.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// Its permissions, as in `"0755"`; without a word those of what it is a copy of.
    pub mode: String,
    /// Whether the libraries that the program loads come with it.
    pub with_libraries: bool,
}

impl ImageSpec {
    /// Reads a specification in YAML; its paths are relative to `folder`.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self, SpecError> {
        let mut spec: Self = serde_saphyr::from_str(text)
            .map_err(|error| SpecError::Malformed(error.to_string()))?;
        for file in &mut spec.files {
            if !file.from.as_os_str().is_empty() {
                file.from = folder.join(&file.from);
            }
        }
        Ok(spec)
    }

    /// Adds a copy of a file or folder of this machine.
    #[must_use]
    pub fn copy(mut self, from: impl Into<PathBuf>, path: impl Into<String>) -> Self {
        self.files.push(FileSpec { from: from.into(), path: path.into(), ..FileSpec::default() });
        self
    }

    /// Adds a program of this machine with the libraries that it loads.
    #[must_use]
    pub fn program(mut self, from: impl Into<PathBuf>, path: impl Into<String>) -> Self {
        self = self.copy(from, path);
        if let Some(file) = self.files.last_mut() {
            file.with_libraries = true;
        }
        self
    }

    /// Adds an empty folder.
    #[must_use]
    pub fn folder(mut self, path: impl Into<String>, mode: u32) -> Self {
        let mode = format!("{mode:o}");
        self.files.push(FileSpec { path: path.into(), folder: true, mode, ..FileSpec::default() });
        self
    }

    /// Adds a link.
    #[must_use]
    pub fn link(mut self, path: impl Into<String>, target: impl Into<String>) -> Self {
        let file = FileSpec { path: path.into(), link: target.into(), ..FileSpec::default() };
        self.files.push(file);
        self
    }

    /// Runs this where the container says nothing.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_names_files_beside_itself() {
        let text = "
name: example/app:1
files:
- {from: app, path: /bin/app, mode: \"0755\"}
- {path: /bin/sh, link: app}
entrypoint: [/bin/app]
";
        let spec = ImageSpec::parse(text, Path::new("/specs")).unwrap();
        assert_eq!(spec.files[0].from, Path::new("/specs/app"));
        assert_eq!(spec.files[1].link, "app");
        assert!(ImageSpec::parse("unknown: 1", Path::new("/")).is_err());
    }
}
