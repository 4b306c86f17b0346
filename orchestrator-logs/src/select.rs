//! The part of a log that somebody asks for: by stream, time, number of lines and of bytes.

use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;
use orchestrator_core::node::LogOptions;

use super::line::{Line, StreamName};
use super::{Log, file_numbers, file_path};

/// Turns lines of the file into what a reader gets.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    stream: Option<StreamName>,
    since: Option<Timestamp>,
    timestamps: bool,
    /// Whether the next line begins a line of the container, so that it gets a time.
    fresh: bool,
    /// How many bytes may still be sent.
    left: u64,
}

impl Filter {
    pub(super) fn new(options: &LogOptions) -> Self {
        let stream = match options.stream.as_str() {
            "Stdout" => Some(StreamName::Stdout),
            "Stderr" => Some(StreamName::Stderr),
            _ => None,
        };
        Self {
            stream,
            since: options.since_time,
            timestamps: options.timestamps,
            fresh: true,
            left: options.limit_bytes.unwrap_or(u64::MAX),
        }
    }

    /// Whether the byte limit is reached.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    fn wants(&self, line: &Line<'_>) -> bool {
        self.stream.is_none_or(|stream| stream == line.stream)
            && self.since.is_none_or(|since| line.timestamp().is_none_or(|time| time >= since))
    }

    /// Appends what the reader gets of one line of the file.
    pub(super) fn push(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        let Some(line) = Line::parse(raw).filter(|line| self.wants(line)) else { return };
        let start = out.len();
        if self.timestamps && self.fresh {
            out.extend_from_slice(line.time.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(line.text);
        if !line.partial {
            out.push(b'\n');
        }
        self.fresh = !line.partial;
        let allowed = usize::try_from(self.left).unwrap_or(usize::MAX);
        out.truncate(start.saturating_add(allowed));
        self.left -= (out.len() - start) as u64;
    }
}

/// Where a reader shall begin: a file and an offset in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) file: u64,
    pub(super) offset: u64,
}

/// The position of the last lines asked for, or of the beginning.
pub(super) fn start(log: &Log, options: &LogOptions) -> Position {
    let numbers = file_numbers(&log.dir);
    let first = numbers.first().copied().unwrap_or_default();
    let Some(wanted) = options.tail_lines else { return Position { file: first, offset: 0 } };
    let end = *log.growth.borrow();
    if wanted == 0 {
        return Position { file: end.file, offset: end.bytes };
    }
    let filter = Filter::new(options);
    let mut starts = VecDeque::new();
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    for number in numbers.into_iter().rev() {
        let text = std::fs::read(file_path(&log.dir, number)).unwrap_or_default();
        let of_file = line_starts(&text, &filter, number);
        for position in of_file.into_iter().rev() {
            starts.push_front(position);
            if starts.len() == wanted {
                return position;
            }
        }
    }
    starts.pop_front().unwrap_or(Position { file: first, offset: 0 })
}

/// Where the container's lines begin in one file, of those that the filter lets through.
fn line_starts(text: &[u8], filter: &Filter, file: u64) -> Vec<Position> {
    let mut starts = Vec::new();
    let mut offset = 0;
    let mut fresh = true;
    for raw in text.split_inclusive(|byte| *byte == b'\n') {
        let line = Line::parse(raw.strip_suffix(b"\n").unwrap_or(raw));
        if let Some(line) = line.filter(|line| filter.wants(line)) {
            if fresh {
                starts.push(Position { file, offset });
            }
            fresh = !line.partial;
        }
        offset += raw.len() as u64;
    }
    starts
}

/// The part that is there now, one chunk per file.
pub(super) fn existing(log: &Log, options: &LogOptions) -> Vec<Bytes> {
    let start = start(log, options);
    let mut filter = Filter::new(options);
    let mut chunks = Vec::new();
    for number in file_numbers(&log.dir).into_iter().filter(|number| *number >= start.file) {
        let text = std::fs::read(file_path(&log.dir, number)).unwrap_or_default();
        let skip =
            if number == start.file { usize::try_from(start.offset).unwrap_or(0) } else { 0 };
        let mut out = Vec::new();
        for raw in text.get(skip..).unwrap_or_default().split(|byte| *byte == b'\n') {
            filter.push(raw, &mut out);
        }
        chunks.push(Bytes::from(out));
    }
    chunks
}
