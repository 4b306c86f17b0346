//! The reader of a log: from a position onwards, and further as the log grows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use orchestrator_core::node::LogOptions;

use super::select::{self, Filter, Position};
use super::{Growth, Log, file_path};

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

/// The part of the log that `options` ask for, as it comes.
pub fn read(log: Log, options: &LogOptions) -> BoxStream<'static, Bytes> {
    let position = select::start(&log, options);
    let reader = Reader {
        log,
        position,
        file: None,
        filter: Filter::new(options),
        follow: options.follow,
        pending: Vec::new(),
    };
    stream::unfold(reader, Reader::step)
        .filter(|chunk| {
            let something = !chunk.is_empty();
            async move { something }
        })
        .boxed()
}

struct Reader {
    log: Log,
    position: Position,
    file: Option<File>,
    filter: Filter,
    follow: bool,
    /// The beginning of a line whose end is not there yet.
    pending: Vec<u8>,
}

impl Reader {
    /// The next chunk, which may be empty; `None` at the end.
    async fn step(mut self) -> Option<(Bytes, Self)> {
        loop {
            if self.filter.is_done() {
                return None;
            }
            let growth = *self.log.growth.borrow_and_update();
            let mut raw = vec![0; CHUNK];
            let count = self.read_some(&mut raw).unwrap_or_default();
            if count > 0 {
                let chunk = self.lines(&raw[..count]);
                return Some((chunk, self));
            }
            if !self.next_file(growth) && !self.grows(growth).await {
                return None;
            }
        }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.file.is_none() {
            let mut file = File::open(file_path(&self.log.dir, self.position.file))?;
            file.seek(SeekFrom::Start(self.position.offset))?;
            self.file = Some(file);
        }
        let count = self.file.as_mut().expect("opened above").read(buffer)?;
        self.position.offset += count as u64;
        Ok(count)
    }

    fn lines(&mut self, bytes: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(bytes.len());
        self.pending.extend_from_slice(bytes);
        let end = self.pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let rest = self.pending.split_off(end);
        for raw in self.pending.split(|byte| *byte == b'\n') {
            self.filter.push(raw, &mut out);
        }
        self.pending = rest;
        Bytes::from(out)
    }

    /// Goes on to the next file, if this one is no longer the newest.
    fn next_file(&mut self, growth: Growth) -> bool {
        let more = self.position.file < growth.file;
        if more {
            self.position = Position { file: self.position.file + 1, offset: 0 };
            self.file = None;
        }
        more
    }

    /// Waits until there is more; tells whether there may be.
    async fn grows(&mut self, seen: Growth) -> bool {
        if !self.follow || seen.closed {
            return false;
        }
        self.log.growth.changed().await.is_ok() || *self.log.growth.borrow() != seen
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LogWriter, StreamName};
    use super::*;
    use jiff::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn written(dir: &std::path::Path) -> LogWriter {
        let mut writer = LogWriter::open(dir).unwrap();
        for (second, stream, text) in [
            (1, StreamName::Stdout, "one\n"),
            (2, StreamName::Stderr, "two\n"),
            (3, StreamName::Stdout, "three\n"),
        ] {
            writer.take(stream, text.as_bytes(), at(second)).unwrap();
        }
        writer
    }

    async fn all(log: Log, options: LogOptions) -> String {
        let chunks: Vec<Bytes> = read(log, &options).collect().await;
        String::from_utf8(chunks.concat()).unwrap()
    }

    #[tokio::test]
    async fn options_choose_the_part() {
        let dir = tempfile::tempdir().unwrap();
        let log = written(dir.path()).log();
        let default = LogOptions::default();
        let cases = [
            (default.clone(), "one\ntwo\nthree\n"),
            (LogOptions { tail_lines: Some(2), ..default.clone() }, "two\nthree\n"),
            (LogOptions { tail_lines: Some(0), ..default.clone() }, ""),
            (LogOptions { tail_lines: Some(9), ..default.clone() }, "one\ntwo\nthree\n"),
            (LogOptions { since_time: Some(at(2)), ..default.clone() }, "two\nthree\n"),
            (LogOptions { limit_bytes: Some(5), ..default.clone() }, "one\nt"),
            (LogOptions { stream: "Stderr".into(), ..default.clone() }, "two\n"),
            (
                LogOptions { tail_lines: Some(1), stream: "Stdout".into(), ..default.clone() },
                "three\n",
            ),
            (
                LogOptions { timestamps: true, tail_lines: Some(1), ..default.clone() },
                "1970-01-01T00:00:03.000000000Z three\n",
            ),
        ];
        for (options, expected) in cases {
            assert_eq!(all(log.clone(), options.clone()).await, expected, "{options:?}");
        }
    }

    #[tokio::test]
    async fn a_follower_gets_what_comes_and_ends_with_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = written(dir.path());
        let options = LogOptions { follow: true, tail_lines: Some(1), ..LogOptions::default() };
        let mut stream = read(writer.log(), &options);
        assert_eq!(stream.next().await.unwrap(), "three\n");
        writer.take(StreamName::Stdout, b"fo", at(4)).unwrap();
        writer.take(StreamName::Stdout, b"ur\n", at(4)).unwrap();
        assert_eq!(stream.next().await.unwrap(), "four\n");
        drop(writer);
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn a_closed_log_can_be_read_by_a_later_process() {
        let dir = tempfile::tempdir().unwrap();
        drop(written(dir.path()));
        let options = LogOptions { follow: true, ..LogOptions::default() };
        assert_eq!(all(Log::closed(dir.path()), options).await, "one\ntwo\nthree\n");
        assert_eq!(Log::closed(dir.path()).tail(2, 100), "two\nthree\n");
        assert_eq!(Log::closed(dir.path()).tail(2, 4), "ree\n");
    }
}
