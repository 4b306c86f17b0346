//! `orchestrator store restore`: a new store from the file of a snapshot.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use orchestrator::core::{BoxError, Env};
use orchestrator::store::MemoryStore;
use orchestrator::store::copy::Options;
use orchestrator::store::face::snapshot;
use orchestrator::store::mvcc::Mvcc;

use super::migrate::{copied, told};
use super::whole::{self, Reading};
use crate::UsageError;
use crate::args::Restore;
use crate::store::{StoreUrl, restore_member, target};

/// How much of the file is read at a time.
const PIECE_BYTES: usize = 1 << 20;

pub async fn run(restore: Restore) -> Result<(), BoxError> {
    let env = Env::system();
    // All of it is read and checked before anything is touched.
    let state = read(&restore.file)?;
    if let StoreUrl::Durable(folder) = &restore.to {
        return whole::make(folder, state, restore.force, &env).await;
    }
    if let StoreUrl::Member(folder) = &restore.to {
        return member(&restore, folder, state, &env).await;
    }
    let from = MemoryStore::builder().build_from(env.clone(), state);
    let to = target(&restore.to, &restore.etcd, &env).await?;
    let report = copied(&from, &*to, &env, Options { replace: restore.force }).await?;
    println!("{}", told(&report));
    Ok(())
}

/// Makes a member of several, which is to be started later.
async fn member(restore: &Restore, folder: &Path, state: Mvcc, env: &Env) -> Result<(), BoxError> {
    whole::make_room(folder, restore.force)?;
    let (revision, oldest) = (state.revision(), state.floor());
    restore_member(&restore.founding, folder, state, env).await?;
    println!("{}: revision {revision}, readable back to {oldest}", folder.display());
    println!("start it with the same --member-name and --member, when all of them are made");
    Ok(())
}

/// Reads and checks the file of a snapshot.
fn read(path: &Path) -> Result<Mvcc, BoxError> {
    let refused = |why: BoxError| UsageError(format!("{}: {why}", path.display()).into());
    let file = File::open(path).map_err(|why| refused(why.into()))?;
    let mut reading = Reading::new(file.metadata()?.len());
    let mut image = snapshot::open(file).map_err(|why| refused(why.into()))?;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        if image.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)? == 0 {
            break;
        }
        reading.push(Bytes::from(piece)).map_err(refused)?;
    }
    Ok(reading.finish().map_err(refused)?)
}
