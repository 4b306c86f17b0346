//! `orchestrator store restore`: a new store from the file of a snapshot.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use orchestrator::core::{BoxError, Env};
use orchestrator::store::copy::Options;
use orchestrator::store::disk::{Disk, Files};
use orchestrator::store::face::snapshot;
use orchestrator::store::image::Importer;
use orchestrator::store::mvcc::Mvcc;
use orchestrator::store::{DurableStore, Limits, MemoryStore};

use super::migrate::{copied, told};
use crate::UsageError;
use crate::args::Restore;
use crate::store::{Bar, StoreUrl, Unit, target};

/// How much of the file is read at a time.
const PIECE_BYTES: usize = 1 << 20;

pub async fn run(restore: Restore) -> Result<(), BoxError> {
    let env = Env::system();
    // All of it is read and checked before anything is touched.
    let state = read(&restore.file)?;
    let (revision, oldest) = (state.revision(), state.floor());
    let StoreUrl::Durable(folder) = &restore.to else {
        let from = MemoryStore::builder().build_from(env.clone(), state);
        let to = target(&restore.to, &restore.etcd, &env).await?;
        let report = copied(&from, &*to, &env, Options { replace: restore.force }).await?;
        println!("{}", told(&report));
        println!(
            "\nNot kept: revisions (they go on from {} there) and history. A durable: store keeps \
             both.",
            report.to
        );
        return Ok(());
    };
    make_room(folder, restore.force)?;
    let builder = DurableStore::builder();
    builder.restore_path(folder, state, env).await.map_err(|why| {
        format!("{} is not complete, and is refused until it is removed: {why}", folder.display())
    })?;
    println!("{}: revision {revision}, readable back to {oldest}", folder.display());
    Ok(())
}

/// Reads and checks the file of a snapshot.
fn read(path: &Path) -> Result<Mvcc, BoxError> {
    let refused = |why: BoxError| UsageError(format!("{}: {why}", path.display()).into());
    let file = File::open(path).map_err(|why| refused(why.into()))?;
    let total = file.metadata()?.len();
    let mut image = snapshot::open(file).map_err(|why| refused(why.into()))?;
    let mut importer = Importer::new(Limits::default());
    let mut bar = Bar::new();
    let mut done = 0;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = image.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        if read == 0 {
            break;
        }
        importer.push(Bytes::from(piece)).map_err(|why| refused(why.into()))?;
        done += read as u64;
        bar.show("reading", Unit::Bytes, done, total);
    }
    bar.finish();
    let (state, _) = importer.finish().map_err(|why| refused(why.into()))?;
    Ok(state)
}

/// Moves a store that is in the way aside, where that is wanted and nobody uses it.
fn make_room(folder: &Path, force: bool) -> Result<(), BoxError> {
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
