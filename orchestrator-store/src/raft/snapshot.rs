//! Images of the state on disk: made here, or sent by the leader to a member too far behind.
//!
//! An image gets its name when it is complete and safe, in place of the one before.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use openraft::storage::{RaftSnapshotBuilder, Snapshot};
use orchestrator_core::Env;
use parking_lot::Mutex;

use super::builder::Images;
use super::state::State;
use super::types::{Node, SnapshotMeta, Types};
use crate::disk::{Disk, DiskFile};
use crate::image::{Importer, export};
use crate::mvcc::{Limits, Mvcc};
use crate::planted::{Fault, Planted};

/// The newest image.
const NAME: &str = "raft-image";

/// An image that is being made here.
const NEW: &str = "raft-image.new";

/// An image that is being received.
const INCOMING: &str = "raft-image.in";

/// How much is read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// How long to wait for space on a full disk.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

/// An image on disk; open, so that it can be read to its end even after it was replaced.
#[derive(Clone)]
pub(super) struct Image {
    name: &'static str,
    file: Arc<dyn DiskFile>,
    length: u64,
}

impl Image {
    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Reads up to `length` bytes at `offset`.
    pub(super) async fn read(&self, env: &Env, offset: u64, length: usize) -> io::Result<Bytes> {
        let file = Arc::clone(&self.file);
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        env.blocking(move || {
            let mut bytes = BytesMut::zeroed(length.min(left));
            let read = file.read_at(offset, &mut bytes)?;
            bytes.truncate(read);
            Ok(bytes.freeze())
        })
        .await
    }
}

/// The images of one member.
pub(super) struct Snapshots {
    env: Env,
    disk: Arc<dyn Disk>,
    planted: Planted,
    due: Images,
    current: Arc<Mutex<Option<(SnapshotMeta, Image)>>>,
    /// The image that is being received.
    incoming: Mutex<Option<Incoming>>,
}

struct Incoming {
    sending: u64,
    file: Arc<dyn DiskFile>,
    length: u64,
}

/// What became of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// It was taken, or was there already.
    Taken,
    /// It does not follow what is there; the sending must begin again.
    Gap,
}

impl Snapshots {
    /// Opens the images on `disk`; returns what the newest one holds.
    pub(super) async fn open(
        env: &Env,
        disk: Arc<dyn Disk>,
        planted: Planted,
        due: Images,
    ) -> io::Result<(Self, Option<(Mvcc, State)>)> {
        let on = Arc::clone(&disk);
        let open = move || {
            for unfinished in [NEW, INCOMING] {
                remove(&*on, unfinished)?;
            }
            let file: Arc<dyn DiskFile> = match on.open(NAME, false) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => Arc::from(file?),
            };
            let image = Image { name: NAME, length: file.size()?, file };
            let (mvcc, state) = import(&image)?;
            Ok::<_, io::Error>(Some((image, mvcc, state)))
        };
        let found = env.blocking(open).await?;
        let current =
            found.as_ref().map(|(image, _, state)| (state.snapshot_meta(), image.clone()));
        let snapshots = Self {
            env: env.clone(),
            disk,
            planted,
            due,
            current: Arc::new(Mutex::new(current)),
            incoming: Mutex::new(None),
        };
        Ok((snapshots, found.map(|(_, mvcc, state)| (mvcc, state))))
    }

    /// The newest image.
    pub(super) fn current(&self) -> Option<(SnapshotMeta, Image)> {
        self.current.lock().clone()
    }

    /// Whether an image is due where `next` entries have been applied, `bytes` of them since the
    /// last image, and there are `data` bytes of data.
    pub(super) fn is_due(&self, next: u64, bytes: u64, data: u64) -> bool {
        let current = self.current.lock();
        let last = current.as_ref().and_then(|(meta, _)| meta.last_log_id);
        let since = next - last.map_or(0, |last| last.index() + 1).min(next);
        since >= self.due.entries || bytes >= self.due.bytes.max(data / 2)
    }

    /// How many bytes the newest image has.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.current.lock().as_ref().map_or(0, |(_, image)| image.length)
    }

    /// Takes a piece of an image that is being received.
    pub(super) async fn receive(
        &self,
        sending: u64,
        offset: u64,
        bytes: Bytes,
    ) -> io::Result<Received> {
        let begun = self
            .incoming
            .lock()
            .as_ref()
            .filter(|one| one.sending == sending)
            .map(|one| (Arc::clone(&one.file), one.length));
        let (file, length) = match begun {
            Some(begun) => begun,
            None if offset == 0 => {
                let disk = Arc::clone(&self.disk);
                let begin = move || {
                    let file = disk.open(INCOMING, true)?;
                    file.set_len(0, false)?;
                    Ok::<_, io::Error>(Arc::<dyn DiskFile>::from(file))
                };
                let file = self.env.blocking(begin).await?;
                let incoming = Incoming { sending, file: Arc::clone(&file), length: 0 };
                *self.incoming.lock() = Some(incoming);
                (file, 0)
            }
            None => return Ok(Received::Gap),
        };
        let end = offset + bytes.len() as u64;
        if end <= length {
            return Ok(Received::Taken);
        }
        if offset != length {
            return Ok(Received::Gap);
        }
        self.env.blocking(move || file.write_at(offset, &bytes)).await?;
        if let Some(incoming) = self.incoming.lock().as_mut().filter(|one| one.sending == sending) {
            incoming.length = incoming.length.max(end);
        }
        Ok(Received::Taken)
    }

    /// Ends the receiving of an image; `None` if another one has begun meanwhile.
    pub(super) async fn received(&self, sending: u64) -> io::Result<Option<Image>> {
        let incoming = self.incoming.lock().take_if(|one| one.sending == sending);
        let Some(Incoming { file, length, .. }) = incoming else { return Ok(None) };
        let synced = Arc::clone(&file);
        self.env.blocking(move || synced.sync()).await?;
        Ok(Some(Image { name: INCOMING, file, length }))
    }

    /// Makes a received image the newest one; returns what it holds.
    pub(super) async fn install(&self, image: Image) -> io::Result<(Mvcc, State)> {
        let (disk, planted) = (Arc::clone(&self.disk), self.planted);
        let current = Arc::clone(&self.current);
        let install = move || {
            let (mvcc, state) = import(&image)?;
            settle(&*disk, &mut current.lock(), state.snapshot_meta(), image, planted)?;
            Ok::<_, io::Error>((mvcc, state))
        };
        self.env.blocking(install).await
    }
}

/// Makes `image` the newest one, safely, unless there is one of a later state by now.
fn settle(
    disk: &dyn Disk,
    current: &mut Option<(SnapshotMeta, Image)>,
    meta: SnapshotMeta,
    image: Image,
    planted: Planted,
) -> io::Result<()> {
    if current.as_ref().is_some_and(|(newest, _)| newest.last_log_id > meta.last_log_id) {
        return Ok(());
    }
    if image.name != NAME {
        disk.rename(image.name, NAME)?;
        if !planted.has(Fault::SkipDirSync) {
            disk.sync_dir()?;
        }
    }
    *current = Some((meta, Image { name: NAME, ..image }));
    Ok(())
}

fn remove(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes an image of one state.
pub(super) struct Builder {
    snapshots: Arc<Snapshots>,
    mvcc: Option<Mvcc>,
    state: State,
}

impl Builder {
    pub(super) fn new(snapshots: Arc<Snapshots>, mvcc: Mvcc, state: State) -> Self {
        Self { snapshots, mvcc: Some(mvcc), state }
    }
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = Image;

    async fn build_snapshot(
        &mut self,
    ) -> io::Result<Snapshot<openraft::alias::CommittedLeaderIdOf<Types>, u64, Node, Image>> {
        let mvcc = self.mvcc.take().ok_or_else(|| io::Error::other("the image was made"))?;
        let meta = self.state.snapshot_meta();
        let bytes = self.state.encode();
        let Snapshots { env, disk, planted, current, .. } = &*self.snapshots;
        loop {
            let (disk, current, planted) = (Arc::clone(disk), Arc::clone(current), *planted);
            let (fork, bytes, meta) = (mvcc.fork(), bytes.clone(), meta.clone());
            let make = move || {
                let image = write(&*disk, fork, bytes)?;
                settle(&*disk, &mut current.lock(), meta, image.clone(), planted)?;
                Ok::<_, io::Error>(image)
            };
            match env.blocking(make).await {
                Ok(snapshot) => return Ok(Snapshot { meta: self.state.snapshot_meta(), snapshot }),
                // An error would end the member, which goes on without a new image for now.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    tracing::warn!(%error, "no space for an image; waiting for some");
                    env.sleep(RETRY_WHEN_FULL).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Makes an image of `state` on a disk that no member uses yet.
pub(super) fn lay_image(
    disk: &dyn Disk,
    mvcc: Mvcc,
    state: &State,
    planted: Planted,
) -> io::Result<()> {
    let image = write(disk, mvcc, state.encode())?;
    settle(disk, &mut None, state.snapshot_meta(), image, planted)
}

fn write(disk: &dyn Disk, mvcc: Mvcc, meta: Bytes) -> io::Result<Image> {
    let file = disk.open(NEW, true)?;
    file.set_len(0, false)?;
    let mut length = 0;
    for block in export(mvcc, meta) {
        file.write_at(length, &block)?;
        length += block.len() as u64;
    }
    file.sync()?;
    Ok(Image { name: NEW, file: Arc::from(file), length })
}

/// What `image` holds.
fn import(image: &Image) -> io::Result<(Mvcc, State)> {
    let damaged = |error: &dyn std::error::Error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("an image is damaged: {error}"))
    };
    // Its own limits are known at its end only, and it keeps them.
    let unlimited = Limits {
        history_events: usize::MAX,
        history_bytes: u64::MAX,
        data_bytes: u64::MAX,
        leases: usize::MAX,
    };
    let mut importer = Importer::new(unlimited);
    let mut offset = 0;
    loop {
        let mut chunk = BytesMut::zeroed(CHUNK_BYTES);
        let read = image.file.read_at(offset, &mut chunk)?;
        if read == 0 {
            break;
        }
        chunk.truncate(read);
        importer.push(chunk.freeze()).map_err(|error| damaged(&error))?;
        offset += read as u64;
    }
    let (mut mvcc, meta) = importer.finish().map_err(|error| damaged(&error))?;
    let state = State::decode(meta).map_err(|error| damaged(&error))?;
    mvcc.set_limits(state.limits.clone().unwrap_or_default());
    Ok((mvcc, state))
}
