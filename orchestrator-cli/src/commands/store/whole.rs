//! A durable store that is made at once of a whole state, so that it has the state's revisions.
//!
//! A store that somebody else runs gives out revisions itself; the files of ours can be written as
//! if they had always been there. They get their name in the store last: what was broken off is
//! refused as damaged, and never opens as half a store.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use orchestrator::core::{BoxError, Env, Store};
use orchestrator::store::copy::{self, Digest, Progress};
use orchestrator::store::disk::{Disk, Files};
use orchestrator::store::image::Importer;
use orchestrator::store::mvcc::Mvcc;
use orchestrator::store::{DurableStore, Limits, MemoryStore};

use crate::UsageError;
use crate::store::{Bar, Unit, durable};

/// An image that is being read.
pub struct Reading {
    importer: Importer,
    bar: Bar,
    done: u64,
    /// About how long it is.
    total: u64,
}

impl Reading {
    /// Begins with an image of about `total` bytes.
    pub fn new(total: u64) -> Self {
        let importer = Importer::new(Limits::default());
        Self { importer, bar: Bar::new(), done: 0, total }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// It is no image, or a damaged one.
    pub fn push(&mut self, piece: Bytes) -> Result<(), BoxError> {
        self.done += piece.len() as u64;
        self.importer.push(piece)?;
        self.bar.show("reading", Unit::Bytes, self.done, self.total);
        Ok(())
    }

    /// The state that was read.
    ///
    /// # Errors
    /// The image is cut off.
    pub fn finish(self) -> Result<Mvcc, BoxError> {
        self.bar.finish();
        Ok(self.importer.finish()?.0)
    }
}

/// Makes a store of `state` in `folder`, and reads it back. `force` moves aside what is there.
///
/// # Errors
/// There is something, it cannot be written, or is not what was written.
pub async fn make(folder: &Path, state: Mvcc, force: bool, env: &Env) -> Result<(), BoxError> {
    make_room(folder, force)?;
    let (revision, oldest) = (state.revision(), state.floor());
    let wanted = MemoryStore::builder().build_from(env.clone(), state.fork());
    let made = DurableStore::builder().restore_path(folder, state, env.clone()).await;
    made.map_err(|why| {
        format!("{} is not complete, and is refused until it is removed: {why}", folder.display())
    })?;
    let wanted = digest(&wanted).await?;
    let found = digest(&*durable(folder, env).await?).await?;
    if found != wanted {
        let folder = folder.display();
        return Err(format!("{folder} holds {found}, yet {wanted} was written to it").into());
    }
    println!("{}: {found}", folder.display());
    println!("revision {revision}, readable back to {oldest}");
    Ok(())
}

async fn digest(store: &dyn Store) -> Result<Digest, BoxError> {
    let total = store.status().await?.keys;
    let mut bar = Bar::new();
    let show = |now: Progress| bar.show("checking", Unit::Keys, now.done, now.total);
    let (digest, _) = copy::digest(store, total, show).await?;
    bar.finish();
    Ok(digest)
}

/// Moves a store that is in the way aside, where that is wanted and nobody uses it.
///
/// # Errors
/// It is not wanted, or somebody uses it.
pub fn make_room(folder: &Path, force: bool) -> Result<(), BoxError> {
    if std::fs::read_dir(folder).map_or(true, |mut files| files.next().is_none()) {
        return Ok(());
    }
    if !force {
        let why = "there are files already; --force moves them aside";
        return Err(UsageError(format!("{}: {why}", folder.display()).into()).into());
    }
    let lock = Files::new(folder.to_owned())?.lock();
    let _lock = lock.map_err(|why| format!("{}: {why}", folder.display()))?;
    let aside = free_name(folder);
    std::fs::rename(folder, &aside)?;
    println!("what was there is now in {}", aside.display());
    Ok(())
}

/// `folder.old`, or the first such name with a number that is free.
fn free_name(folder: &Path) -> PathBuf {
    let name = |n: u32| {
        let mut name = OsString::from(folder);
        name.push(if n == 0 { ".old".to_owned() } else { format!(".old{n}") });
        PathBuf::from(name)
    };
    (0..).map(name).find(|name| !name.exists()).expect("there are more numbers than files")
}
