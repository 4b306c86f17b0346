//! The writer of a log: bytes of a container in, lines in CRI format out.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::sync::watch::{Sender, channel};

use super::line::{LONGEST_TEXT, Line, StreamName, log_time};
use super::{FILE_BYTES, FILES_KEPT, Growth, Log, file_path, newest_file};

/// Appends to one container's log; closes it when dropped.
///
/// Writes go to the page cache and are short, so they are made where the bytes arrive.
#[derive(Debug)]
pub struct LogWriter {
    dir: PathBuf,
    file: File,
    limits: Limits,
    growth: Sender<Growth>,
    /// Bytes of each stream that no newline has ended yet.
    pending: [Vec<u8>; 2],
}

/// How much is kept.
#[derive(Clone, Copy, Debug)]
struct Limits {
    file_bytes: u64,
    files: u64,
}

impl LogWriter {
    /// Opens the log in `dir`, which is made; goes on where an earlier writer ended.
    ///
    /// # Errors
    /// The directory or the file cannot be made.
    pub fn open(dir: &Path) -> io::Result<Self> {
        Self::with_limits(dir, Limits { file_bytes: FILE_BYTES, files: FILES_KEPT })
    }

    fn with_limits(dir: &Path, limits: Limits) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let number = newest_file(dir);
        let file = append(dir, number)?;
        let bytes = file.metadata()?.len();
        let (growth, _) = channel(Growth { file: number, bytes, closed: false });
        let pending = [Vec::new(), Vec::new()];
        Ok(Self { dir: dir.to_owned(), file, limits, growth, pending })
    }

    /// The log, to be read.
    pub fn log(&self) -> Log {
        Log { dir: self.dir.clone(), growth: self.growth.subscribe() }
    }

    /// Takes what the container wrote to `stream` at `now`.
    ///
    /// # Errors
    /// The disk is full, or the file is gone.
    pub fn take(&mut self, stream: StreamName, bytes: &[u8], now: Timestamp) -> io::Result<()> {
        let mut pending = std::mem::take(&mut self.pending[stream as usize]);
        pending.extend_from_slice(bytes);
        let time = log_time(now);
        let mut out = Vec::with_capacity(pending.len() + 64);
        let mut rest = pending.as_slice();
        loop {
            let end = rest.iter().take(LONGEST_TEXT + 1).position(|byte| *byte == b'\n');
            let (text, partial, next) = match end {
                Some(end) => (&rest[..end], false, end + 1),
                None if rest.len() >= LONGEST_TEXT => (&rest[..LONGEST_TEXT], true, LONGEST_TEXT),
                None => break,
            };
            Line { time: &time, stream, partial, text }.write(&mut out);
            rest = &rest[next..];
        }
        self.pending[stream as usize] = rest.to_vec();
        self.append(&out)
    }

    /// Writes out what no newline has ended: the container writes no more.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub fn finish(&mut self, now: Timestamp) -> io::Result<()> {
        let time = log_time(now);
        let mut out = Vec::new();
        for stream in [StreamName::Stdout, StreamName::Stderr] {
            let text = std::mem::take(&mut self.pending[stream as usize]);
            if !text.is_empty() {
                Line { time: &time, stream, partial: true, text: &text }.write(&mut out);
            }
        }
        self.append(&out)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut growth = *self.growth.borrow();
        if growth.bytes > 0 && growth.bytes + lines.len() as u64 > self.limits.file_bytes {
            growth = Growth { file: growth.file + 1, bytes: 0, closed: false };
            self.file = append(&self.dir, growth.file)?;
            if let Some(oldest) = growth.file.checked_sub(self.limits.files) {
                // A file that is gone already is as good as deleted.
                let _ = std::fs::remove_file(file_path(&self.dir, oldest));
            }
        }
        self.file.write_all(lines)?;
        growth.bytes += lines.len() as u64;
        self.growth.send_replace(growth);
        Ok(())
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.growth.send_modify(|growth| growth.closed = true);
    }
}

fn append(dir: &Path, number: u64) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(file_path(dir, number))
}

#[cfg(test)]
mod tests {
    use super::super::file_numbers;
    use super::*;

    fn texts(dir: &Path) -> Vec<String> {
        let files = file_numbers(dir).into_iter();
        let all = files.map(|n| std::fs::read_to_string(file_path(dir, n)).unwrap());
        let all: String = all.collect();
        all.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn bytes_become_whole_and_partial_lines() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::open(dir.path()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        writer.take(StreamName::Stdout, b"one\ntw", now).unwrap();
        writer.take(StreamName::Stderr, b"oops\n", now).unwrap();
        writer.take(StreamName::Stdout, b"o\n\nthree", now).unwrap();
        writer.finish(now).unwrap();
        let expected =
            ["stdout F one", "stderr F oops", "stdout F two", "stdout F ", "stdout P three"];
        assert_eq!(texts(dir.path()), expected);
    }

    #[test]
    fn long_lines_are_split() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::open(dir.path()).unwrap();
        let long = vec![b'x'; LONGEST_TEXT + 5];
        writer.take(StreamName::Stdout, &long, Timestamp::UNIX_EPOCH).unwrap();
        writer.take(StreamName::Stdout, b"\n", Timestamp::UNIX_EPOCH).unwrap();
        let lines = texts(dir.path());
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len(), LONGEST_TEXT + "stdout P ".len());
        assert_eq!(lines[1], "stdout F xxxxx");
    }

    #[test]
    fn a_log_keeps_only_its_newest_files() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { file_bytes: 100, files: 3 };
        let mut writer = LogWriter::with_limits(dir.path(), limits).unwrap();
        for _ in 0..12 {
            writer.take(StreamName::Stdout, &[b'x'; 60], Timestamp::UNIX_EPOCH).unwrap();
            writer.take(StreamName::Stdout, b"\n", Timestamp::UNIX_EPOCH).unwrap();
        }
        assert_eq!(file_numbers(dir.path()), [9, 10, 11]);
    }
}
