//! `orchestrator store snapshot`: the same file that `etcdctl snapshot save` gets from a server.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use indicatif::HumanBytes;
use orchestrator::core::{BoxError, Env};
use orchestrator::store::face::snapshot::Wrapper;

use crate::UsageError;
use crate::args::Snapshot;
use crate::store::{Bar, Unit, existing};

pub async fn run(snapshot: Snapshot) -> Result<(), BoxError> {
    if snapshot.file.exists() {
        let why = format!("{} is there already", snapshot.file.display());
        return Err(UsageError(why.into()).into());
    }
    let operator = existing(&snapshot.from, &snapshot.etcd, &Env::system()).await?;
    let status = operator.status().await?;
    let expected = operator.engine().await?.data_bytes;
    let mut part = Part::create(&snapshot.file)?;
    let mut bar = Bar::new();
    let mut image = operator.image().await?;
    let mut wrapper = Wrapper::default();
    let mut bytes = 0;
    while let Some(piece) = image.next().await {
        let piece = piece.map_err(|why| part.abandon(why.into()))?;
        part.write(&piece).map_err(|why| part.abandon(why.into()))?;
        wrapper.note(&piece);
        bytes += piece.len() as u64;
        bar.show("reading", Unit::Bytes, bytes, expected);
    }
    bar.finish();
    let (tail, sum) = wrapper.finish();
    part.write(&tail).and_then(|()| part.write(&sum)).map_err(|why| part.abandon(why.into()))?;
    part.finish()?;
    println!(
        "{}: {} of {}, at revision {} or later",
        snapshot.file.display(),
        HumanBytes(bytes),
        snapshot.from,
        status.revision,
    );
    Ok(())
}

/// A file that takes its name once it is complete and safe.
struct Part {
    file: File,
    part: PathBuf,
    whole: PathBuf,
}

impl Part {
    fn create(whole: &Path) -> Result<Self, BoxError> {
        let mut part = OsString::from(whole);
        part.push(".part");
        let part = PathBuf::from(part);
        let mut options = OpenOptions::new();
        // What is in a store includes secrets.
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&part);
        let file = file.map_err(|why| UsageError(format!("{}: {why}", part.display()).into()))?;
        Ok(Self { file, part, whole: whole.to_owned() })
    }

    fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        self.file.write_all(piece)
    }

    /// Takes the file away, and tells why.
    fn abandon(&self, why: BoxError) -> BoxError {
        let _ = fs::remove_file(&self.part);
        format!("no snapshot was made: {why}").into()
    }

    fn finish(self) -> std::io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, &self.whole)?;
        let folder = self.whole.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}
