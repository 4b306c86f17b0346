//! Logs that another process writes: the kernel tells when they grow.

use std::future::Future;
use std::io;
use std::path::Path;

use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch::{Sender, channel};

use super::{Growth, Log, file_path, newest_file, raw};

/// Room for some dozens of changes, whose details do not matter.
const CHANGES_BYTES: usize = 4096;

impl Log {
    /// A log in `dir` that another process writes until `closed` is over, and the future that
    /// follows its growth: readers that wait see what comes only while that is driven.
    ///
    /// # Errors
    /// The directory cannot be watched.
    pub fn watched<F: Future<Output = ()> + Send + 'static>(
        dir: &Path,
        closed: F,
    ) -> io::Result<(Self, impl Future<Output = ()> + Send + use<F>)> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let changes = inotify::init(flags)?;
        let wanted = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE;
        inotify::add_watch(&changes, dir, wanted)?;
        // Looked at after the watch began, so that nothing is missed in between.
        let (growth, seen) = channel(growth_of(dir));
        let log = Self { dir: dir.to_owned(), growth: seen };
        let (changes, dir) = (raw::watched(changes)?, dir.to_owned());
        let follow = async move {
            let changed = follow(&changes, &dir, &growth);
            tokio::select! {
                biased;
                () = closed => {}
                _ = changed => {}
            }
            growth.send_replace(Growth { closed: true, ..growth_of(&dir) });
        };
        Ok((log, follow))
    }
}

/// Tells the growth until the watch breaks.
async fn follow<T: std::os::fd::AsFd + std::os::fd::AsRawFd>(
    changes: &AsyncFd<T>,
    dir: &Path,
    growth: &Sender<Growth>,
) -> io::Result<()> {
    loop {
        let mut ready = changes.readable().await?;
        let read = ready.try_io(|changes| {
            let mut buffer = [0; CHANGES_BYTES];
            Ok(rustix::io::read(changes.get_ref(), &mut buffer)?)
        });
        if let Ok(read) = read {
            read?;
            growth.send_replace(growth_of(dir));
        }
    }
}

fn growth_of(dir: &Path) -> Growth {
    let file = newest_file(dir);
    let bytes = std::fs::metadata(file_path(dir, file)).map(|m| m.len()).unwrap_or_default();
    Growth { file, bytes, closed: false }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use orchestrator_core::Env;
    use orchestrator_core::node::LogOptions;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_follower_sees_what_another_process_writes_across_files() {
        let dir = tempfile::tempdir().unwrap();
        let write = |number: u64, text: &str| {
            let line = format!("2026-01-01T00:00:00.000000000Z stdout F {text}\n");
            std::fs::write(file_path(dir.path(), number), line).unwrap();
        };
        write(0, "one");
        let (close, closed) = oneshot::channel::<()>();
        let closed = async { drop(closed.await) };
        let (log, follow) = Log::watched(dir.path(), closed).unwrap();
        let _follow = Env::system().spawn("follow", follow);
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let mut lines = super::super::read(log, &options);
        assert_eq!(lines.next().await.unwrap(), "one\n");
        write(1, "two");
        assert_eq!(lines.next().await.unwrap(), "two\n");
        drop(close);
        assert_eq!(lines.next().await, None);
    }
}
