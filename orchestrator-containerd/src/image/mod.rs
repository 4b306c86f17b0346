//! Images: named, built from files, read from archives, given to containerd.
//!
//! An image is blobs, known by their digests, that end in a *manifest*, which names a *configuration*
//! and *layers*. Archives of the Open Container Initiative and of docker say the same in two ways;
//! [`Archive`] reads both, [`build`] makes one of the former, [`import`] puts one into containerd.

mod archive;
mod build;
mod elf;
mod import;
mod libraries;
mod manifest;
mod name;
mod pause;
mod spec;
mod write;

pub use archive::Archive;
pub use build::{Built, build};
pub use import::{Imported, import};
pub use name::{ImageName, NameError};
pub use spec::{FileSpec, ImageSpec, SpecError};
pub use write::write;

use std::io;

use orchestrator_core::Env;

use crate::link::Link;

/// The image that every sandbox runs, which is made here and not pulled.
pub const PAUSE: &str = "docker.io/orchestrator/pause:1";

/// Why an image cannot be read, built or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The disk refuses, or the archive ends too soon.
    #[error("cannot read or write the archive")]
    Io(#[from] io::Error),
    /// The archive is no image.
    #[error("the archive is no image: {0}")]
    Malformed(String),
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The specification cannot be followed.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// This processor has no pause program yet.
    #[error("there is no pause image for {0}")]
    Architecture(&'static str),
    /// containerd refuses.
    #[error("containerd refuses the image: {0}")]
    Refused(String),
}

/// Makes sure that containerd has the image that every sandbox runs.
///
/// # Errors
/// See [`ImageError`].
pub(crate) async fn import_pause(link: &Link, env: &Env) -> Result<(), ImageError> {
    let built = pause::image()?;
    let archive = Archive::of(built, PAUSE)?;
    import(link, &archive, env).await.map(drop)
}
