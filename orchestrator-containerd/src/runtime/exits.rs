//! Ends of containers: from what containerd says, and from what they leave behind.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use orchestrator_core::runtime::{ContainerPhase, ContainerState, Exit};
use orchestrator_logs::Log;

use serde::{Deserialize, Serialize};

use super::facts::ContainerFacts;
use super::table::Container;
use crate::wire::cri;

/// The longest termination message: the kubelet's limit.
const MESSAGE_BYTES: u64 = 4096;

/// How much of the log stands in for the message: the kubelet's limits.
const LOG_LINES: u64 = 80;
const LOG_BYTES: usize = 2048;

/// The reason of an end that containerd has not seen or has forgotten.
const FORGOTTEN: &str = "Unknown";

/// The reason of an end that the kernel forced for want of memory.
pub(super) const OUT_OF_MEMORY: &str = "OOMKilled";

/// A time of CRI: nanoseconds since 1970.
pub(super) fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A container as CRI tells it.
pub(super) fn container(status: &cri::ContainerStatus, facts: ContainerFacts) -> Container {
    let metadata = status.metadata.clone().unwrap_or_default();
    let started_at = (status.started_at > 0).then(|| time(status.started_at));
    let phase = match status.state() {
        cri::ContainerState::ContainerCreated => ContainerPhase::Created,
        cri::ContainerState::ContainerRunning => ContainerPhase::Running,
        cri::ContainerState::ContainerExited => ContainerPhase::Exited(exit(status, &facts)),
        cri::ContainerState::ContainerUnknown => {
            ContainerPhase::Exited(noted(&facts).unwrap_or_else(|| unknown(status)))
        }
    };
    let state = ContainerState {
        id: status.id.as_str().into(),
        name: metadata.name,
        attempt: metadata.attempt,
        image: facts.image.clone(),
        image_id: status.image_ref.clone(),
        phase,
        created_at: time(status.created_at),
        started_at,
    };
    Container { state, facts, out_of_memory: status.reason == OUT_OF_MEMORY }
}

fn exit(status: &cri::ContainerStatus, facts: &ContainerFacts) -> Exit {
    if status.reason == FORGOTTEN
        && let Some(noted) = noted(facts)
    {
        return noted;
    }
    // These two say no more than the code does.
    let told = !matches!(status.reason.as_str(), "Completed" | "Error");
    Exit {
        code: status.exit_code,
        signal: None,
        finished_at: time(status.finished_at),
        reason: if told { status.reason.clone() } else { String::new() },
        message: match message(facts, status.exit_code) {
            text if text.is_empty() => status.message.clone(),
            text => text,
        },
    }
}

/// The end of a container as it is noted beside its log.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    code: i32,
    finished_at: Timestamp,
    reason: String,
}

/// Notes an end that an event has told: containerd, killed in the next moment, may forget it.
pub(super) fn note(facts: &ContainerFacts, exit: &Exit) -> io::Result<()> {
    let note = Note { code: exit.code, finished_at: exit.finished_at, reason: exit.reason.clone() };
    let text = serde_json::to_string(&note).map_err(io::Error::other)?;
    std::fs::write(facts.end(), text)
}

fn noted(facts: &ContainerFacts) -> Option<Exit> {
    let note: Note = serde_json::from_slice(&std::fs::read(facts.end()).ok()?).ok()?;
    Some(Exit {
        code: note.code,
        signal: None,
        finished_at: note.finished_at,
        reason: note.reason,
        message: message(facts, note.code),
    })
}

/// The end of a container of which containerd has lost sight.
fn unknown(status: &cri::ContainerStatus) -> Exit {
    Exit {
        code: 137,
        signal: None,
        finished_at: time(status.finished_at.max(status.started_at)),
        reason: "ContainerStatusUnknown".into(),
        message: "The container could not be located when the pod was terminated".into(),
    }
}

/// The end that an event tells, of a container that CRI still believes to run.
pub(super) fn of_event(container: &Container, code: u32, finished_at: Timestamp) -> Exit {
    let code = i32::try_from(code).unwrap_or(i32::MAX);
    Exit {
        code,
        signal: None,
        finished_at,
        reason: if container.out_of_memory { OUT_OF_MEMORY.into() } else { String::new() },
        message: message(&container.facts, code),
    }
}

/// The termination message: the end of its file, or of the log of a container that failed.
fn message(facts: &ContainerFacts, code: i32) -> String {
    let text = end_of(&facts.message()).unwrap_or_default();
    if text.is_empty() && facts.log_is_message && code != 0 {
        return Log::closed(&facts.log()).tail(LOG_LINES, LOG_BYTES);
    }
    text
}

fn end_of(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(MESSAGE_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MESSAGE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(dir: &Path, log_is_message: bool) -> ContainerFacts {
        std::fs::create_dir_all(dir.join("log")).unwrap();
        let line = "2026-01-01T00:00:00.000000000Z stderr F it broke\n";
        std::fs::write(dir.join("log/0.log"), line).unwrap();
        ContainerFacts { dir: dir.into(), log_is_message, ..ContainerFacts::default() }
    }

    #[test]
    fn the_log_stands_in_for_the_message_of_one_that_failed() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, stand_in) = (facts(dir.path(), false), facts(dir.path(), true));
        assert_eq!(message(&plain, 1), "");
        assert_eq!(
            (message(&stand_in, 0), message(&stand_in, 1)),
            (String::new(), "it broke\n".into())
        );
        std::fs::write(plain.message(), "x".repeat(5000)).unwrap();
        assert_eq!(message(&stand_in, 1).len(), 4096);
    }

    #[test]
    fn reasons_that_say_nothing_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let status = |reason: &str| cri::ContainerStatus {
            state: cri::ContainerState::ContainerExited.into(),
            exit_code: 137,
            reason: reason.into(),
            ..cri::ContainerStatus::default()
        };
        for (reason, expected) in [("Error", ""), ("OOMKilled", "OOMKilled")] {
            let container = container(&status(reason), facts(dir.path(), false));
            assert_eq!(container.state.exit().unwrap().reason, expected);
        }
        let lost = cri::ContainerState::ContainerUnknown.into();
        let lost = container(
            &cri::ContainerStatus { state: lost, ..Default::default() },
            facts(dir.path(), false),
        );
        assert_eq!(lost.state.exit().unwrap().reason, "ContainerStatusUnknown");
    }
}
