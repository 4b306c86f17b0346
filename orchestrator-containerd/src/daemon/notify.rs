//! Readiness: containerd says it by the protocol of service managers, so nobody asks again and
//! again whether its socket is there.

use std::io;
use std::path::Path;

use tokio::net::UnixDatagram;

/// Where containerd says that it is ready.
#[derive(Debug)]
pub(super) struct Readiness(UnixDatagram);

impl Readiness {
    /// Listens at `path`, where an earlier one may have listened.
    pub(super) fn listen(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        UnixDatagram::bind(path).map(Self)
    }

    /// Waits until it says so.
    pub(super) async fn wait(&self) -> io::Result<()> {
        const LONGEST_MESSAGE: usize = 4096;
        let mut message = vec![0; LONGEST_MESSAGE];
        loop {
            let read = self.0.recv(&mut message).await?;
            if message[..read].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_word_ready_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let readiness = Readiness::listen(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        for message in ["STATUS=starting", "STATUS=up\nREADY=1"] {
            sender.send_to(message.as_bytes(), &path).await.unwrap();
        }
        readiness.wait().await.unwrap();
        assert!(Readiness::listen(&path).is_ok(), "a path can be used again");
    }
}
