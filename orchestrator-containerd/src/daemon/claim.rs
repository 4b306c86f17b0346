//! The claim on a root: which process is its containerd.

use std::io;
use std::path::Path;
use std::time::Duration;

use orchestrator_core::Env;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::Places;
use crate::raw;

/// How long a containerd that is left behind may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// Notes that the process `pid` is the containerd of this root.
pub(super) fn write(places: &Places, pid: u32) -> io::Result<()> {
    std::fs::write(&places.claim, pid.to_string())
}

/// Ends the containerd that an earlier agent has left behind, if there is one.
pub(super) async fn end_previous(places: &Places, env: &Env) {
    let Some(pid) = previous(places) else { return };
    // From here on the number means this process and no later one.
    let Ok(process) = pidfd_open(pid, PidfdFlags::NONBLOCK) else { return };
    if !is_ours(pid, &places.settings) {
        return;
    }
    let Ok(process) = raw::watched(process) else { return };
    let _ = pidfd_send_signal(process.get_ref(), Signal::TERM);
    tokio::select! {
        biased;
        _ = process.readable() => return,
        () = env.sleep(GRACE) => {}
    }
    let _ = pidfd_send_signal(process.get_ref(), Signal::KILL);
    let _ = process.readable().await;
}

fn previous(places: &Places) -> Option<Pid> {
    let text = std::fs::read_to_string(&places.claim).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

/// Whether the process was started with our configuration: a number may have been used again.
fn is_ours(pid: Pid, settings: &Path) -> bool {
    let path = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    let words = std::fs::read(path).unwrap_or_default();
    let wanted = settings.as_os_str().as_encoded_bytes();
    words.split(|byte| *byte == 0).any(|word| word == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_only_has_the_number_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::of(dir.path());
        assert_eq!(previous(&places), None);
        write(&places, std::process::id()).unwrap();
        assert!(previous(&places).is_some());
        end_previous(&places, &Env::system()).await;
    }
}
