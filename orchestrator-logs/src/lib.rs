//! Logs of containers: files in CRI format, bounded, readable while they grow.
//!
//! A log is a directory of numbered files. A [`LogWriter`] appends to the newest and deletes the
//! oldest; a reader ([`read`]) goes from file to file by number, so rotation never confuses it, and
//! waits on the writer's [`Growth`] instead of looking again and again. Where another process
//! writes, the kernel tells of the growth ([`Log::watched`]), and [`rotate`] begins a new file.

mod line;
mod raw;
mod reader;
mod rotate;
mod select;
mod watch;
mod writer;

use std::path::{Path, PathBuf};

use tokio::sync::watch::{Receiver, channel};

pub use line::{LONGEST_TEXT, Line, StreamName, log_time};
pub use reader::read;
pub use rotate::{CURRENT, begin, rotate};
pub use writer::LogWriter;

/// How large a file of a log grows before the next one begins: the kubelet's default.
const FILE_BYTES: u64 = 10 * 1024 * 1024;

/// How many files of a log are kept: the kubelet's default.
const FILES_KEPT: u64 = 5;

/// How far a log has grown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// The number of the newest file.
    pub file: u64,
    /// How much of it is written.
    pub bytes: u64,
    /// Whether nothing will follow.
    pub closed: bool,
}

/// A log that can be read.
#[derive(Clone, Debug)]
pub struct Log {
    dir: PathBuf,
    growth: Receiver<Growth>,
}

impl Log {
    /// A log in `dir` that nobody writes any more.
    pub fn closed(dir: &Path) -> Self {
        let newest = newest_file(dir);
        let bytes = std::fs::metadata(file_path(dir, newest)).map(|m| m.len()).unwrap_or_default();
        let (_, growth) = channel(Growth { file: newest, bytes, closed: true });
        Self { dir: dir.to_owned(), growth }
    }

    /// The last lines that the container wrote, at most `limit` bytes of them.
    pub fn tail(&self, lines: u64, limit: usize) -> String {
        let options = orchestrator_core::node::LogOptions {
            tail_lines: Some(lines),
            ..orchestrator_core::node::LogOptions::default()
        };
        let mut text = Vec::new();
        for chunk in select::existing(self, &options) {
            text.extend_from_slice(&chunk);
        }
        let start = text.len().saturating_sub(limit);
        String::from_utf8_lossy(&text[start..]).into_owned()
    }
}

fn file_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number}.log"))
}

/// The numbers of the files that are there, in order.
fn file_numbers(dir: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut numbers: Vec<u64> =
        names.filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

fn newest_file(dir: &Path) -> u64 {
    file_numbers(dir).pop().unwrap_or_default()
}
