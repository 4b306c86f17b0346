//! Named pipes, through which containerd's shims hand out the streams of a process.

use std::io;
use std::path::{Path, PathBuf};

use orchestrator_core::node::ExecOptions;
use rustix::fs::{CWD, Mode, mkfifoat};
use tokio::net::unix::pipe;

/// The pipes of one session, in a directory that goes with them.
#[derive(Debug)]
pub(super) struct Pipes {
    dir: PathBuf,
    pub(super) stdin: Option<pipe::Sender>,
    pub(super) stdout: Option<pipe::Receiver>,
    pub(super) stderr: Option<pipe::Receiver>,
}

impl Pipes {
    /// Makes the pipes that `options` ask for, and opens our ends.
    pub(super) fn make(dir: PathBuf, options: &ExecOptions) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let mut pipes = Self { dir, stdin: None, stdout: None, stderr: None };
        if options.stdin {
            let path = pipes.made("stdin")?;
            // With both ends, since there is no reader yet; the shim's end is another one.
            pipes.stdin = Some(pipe::OpenOptions::new().read_write(true).open_sender(path)?);
        }
        // The shim writes all that there is; what nobody asked for is dropped where it is read.
        pipes.stdout = Some(pipe::OpenOptions::new().open_receiver(pipes.made("stdout")?)?);
        if !options.tty {
            pipes.stderr = Some(pipe::OpenOptions::new().open_receiver(pipes.made("stderr")?)?);
        }
        Ok(pipes)
    }

    fn made(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.dir.join(name);
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
        Ok(path)
    }

    /// The path of a pipe, as containerd is told; empty where there is none.
    pub(super) fn path(&self, name: &str) -> String {
        let path = self.dir.join(name);
        if path.exists() { path.display().to_string() } else { String::new() }
    }

    /// Where they are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_a_shim_writes_is_read_until_it_closes() {
        let dir = tempfile::tempdir().unwrap();
        let options = ExecOptions { stdout: true, ..ExecOptions::default() };
        let mut pipes = Pipes::make(dir.path().join("s"), &options).unwrap();
        assert_eq!((pipes.path("stdin"), pipes.stdin.is_none()), (String::new(), true));
        let mut shim = pipe::OpenOptions::new().open_sender(pipes.path("stdout")).unwrap();
        shim.write_all(b"said").await.unwrap();
        drop(shim);
        let mut text = String::new();
        pipes.stdout.as_mut().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "said");
    }
}
