//! One line of a log file in CRI format: time, stream, tag, text.

use jiff::Timestamp;

/// The longest text of one log line; longer output is split into partial lines.
pub const LONGEST_TEXT: usize = 16 * 1024;

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamName {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

impl StreamName {
    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    fn parse(word: &[u8]) -> Option<Self> {
        match word {
            b"stdout" => Some(Self::Stdout),
            b"stderr" => Some(Self::Stderr),
            _ => None,
        }
    }
}

/// One line of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// When it was read from the container, as written.
    pub time: &'a str,
    /// From which stream.
    pub stream: StreamName,
    /// Whether the container's line goes on in the next one.
    pub partial: bool,
    /// The text without its newline.
    pub text: &'a [u8],
}

impl<'a> Line<'a> {
    /// Reads one line, without its newline; `None` where it is not in this format.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.splitn(4, |byte| *byte == b' ');
        let time = std::str::from_utf8(fields.next()?).ok()?;
        let stream = StreamName::parse(fields.next()?)?;
        let partial = match fields.next()? {
            // Tags may be joined by colons; the first one says whether the line is whole.
            tag if tag.split(|byte| *byte == b':').next() == Some(b"P") => true,
            tag if tag.split(|byte| *byte == b':').next() == Some(b"F") => false,
            _ => return None,
        };
        Some(Self { time, stream, partial, text: fields.next().unwrap_or_default() })
    }

    /// Appends the line with its newline to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.time.as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.stream.word().as_bytes());
        out.extend_from_slice(if self.partial { b" P " } else { b" F " });
        out.extend_from_slice(self.text);
        out.push(b'\n');
    }

    /// The time as a time.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }
}

/// `time` as log lines carry it: RFC 3339 with nanoseconds.
pub fn log_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_that_are_not_in_the_format_are_refused() {
        let bad: [&[u8]; 6] =
            [b"", b"x", b"t stdout", b"t other F x", b"t stdout X x", b"\xff \xff"];
        for line in bad {
            assert_eq!(Line::parse(line), None, "{line:?}");
        }
        let empty = Line::parse(b"2026-01-01T00:00:00Z stderr F ").unwrap();
        assert_eq!((empty.text, empty.stream), (&b""[..], StreamName::Stderr));
        assert!(Line::parse(b"t stdout P:x text here").unwrap().partial);
    }

    #[test]
    fn times_have_nine_digits() {
        let time = Timestamp::from_nanosecond(1_767_225_600_000_000_007).unwrap();
        assert_eq!(log_time(time), "2026-01-01T00:00:00.000000007Z");
        assert_eq!(log_time(time).parse::<Timestamp>().unwrap(), time);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in "[^\n]{0,40}", partial: bool) {
            let line = Line { time: "t", stream: StreamName::Stdout, partial, text: text.as_bytes() };
            let mut out = Vec::new();
            line.write(&mut out);
            prop_assert_eq!(out.pop(), Some(b'\n'));
            prop_assert_eq!(Line::parse(&out), Some(line));
        }
    }
}
