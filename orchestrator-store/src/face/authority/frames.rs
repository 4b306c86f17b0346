//! The frames that a client of HTTP/2 sends, as far as they must be told apart.

use bytes::{BufMut, BytesMut};

use super::fields;

/// What an HTTP/2 client sends first; another client is left alone.
pub(in crate::face) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The bytes before the payload of a frame.
const HEAD_BYTES: usize = 9;

/// The type of a frame with headers, and two flags that put something before them.
const HEADERS: u8 = 1;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// The bytes of a priority.
const PRIORITY_BYTES: usize = 5;

/// The longest frame with headers that is looked at; the library takes none that is longer.
const MAX_HEADERS_BYTES: usize = 64 * 1024;

/// Where in the client's bytes the next ones are.
#[derive(Debug, Default)]
pub(super) enum Frames {
    /// At the start.
    #[default]
    Preface,
    /// So many bytes before the next frame.
    Http2(usize),
    /// In another protocol.
    Plain,
}

impl Frames {
    /// Whether the client has not sent enough to tell.
    pub(super) fn are_unknown(&self) -> bool {
        matches!(self, Self::Preface)
    }

    /// Whether nothing needs to be looked at.
    pub(super) fn are_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Moves what is complete from `raw` to `out`, with valid authorities.
    pub(super) fn pass(&mut self, raw: &mut BytesMut, out: &mut BytesMut) {
        if let Self::Preface = self {
            let known = raw.len().min(PREFACE.len());
            *self = match raw[..known] == PREFACE[..known] {
                false => Self::Plain,
                true if known < PREFACE.len() => return,
                true => Self::Http2(PREFACE.len()),
            };
        }
        let Self::Http2(skip) = self else {
            out.unsplit(raw.split());
            return;
        };
        loop {
            let passed = (*skip).min(raw.len());
            out.unsplit(raw.split_to(passed));
            *skip -= passed;
            let Some(&[high, middle, low, kind, flags, ..]) = raw.get(..HEAD_BYTES) else { return };
            let bytes = HEAD_BYTES + u32::from_be_bytes([0, high, middle, low]) as usize;
            if kind != HEADERS || bytes > MAX_HEADERS_BYTES {
                *skip = bytes;
            } else if raw.len() >= bytes {
                repair(&raw.split_to(bytes), flags, out);
            } else {
                return;
            }
        }
    }
}

/// Writes `frame` to `out` with a valid authority.
fn repair(frame: &[u8], flags: u8, out: &mut BytesMut) {
    let (head, payload) = frame.split_at(HEAD_BYTES);
    let block = block(payload, flags);
    match block.clone().and_then(|block| fields::authority(payload.get(block)?)) {
        Some(found) => {
            let start = block.map_or(0, |block| block.start);
            let (before, after) = (&payload[..start + found.start], &payload[start + found.end..]);
            let bytes = before.len() + fields::VALID.len() + after.len();
            let length = u32::try_from(bytes).expect("not longer than the frame").to_be_bytes();
            out.put_slice(&length[1..]);
            out.put_slice(&head[3..]);
            out.put_slice(before);
            out.put_slice(fields::VALID);
            out.put_slice(after);
        }
        None => out.put_slice(frame),
    }
}

/// Where the fields are in the payload.
fn block(payload: &[u8], flags: u8) -> Option<std::ops::Range<usize>> {
    let (mut start, mut end) = (0, payload.len());
    if flags & PADDED != 0 {
        end = end.checked_sub(usize::from(*payload.first()?))?;
        start += 1;
    }
    if flags & PRIORITY != 0 {
        start += PRIORITY_BYTES;
    }
    (start <= end).then_some(start..end)
}

/// What comes of `bytes` that arrive `at_a_time`.
#[cfg(any(test, feature = "fuzzing"))]
pub(in crate::face) fn passed(bytes: &[u8], at_a_time: usize) -> Vec<u8> {
    let (mut frames, mut raw, mut out) = (Frames::default(), BytesMut::new(), BytesMut::new());
    for piece in bytes.chunks(at_a_time) {
        raw.put_slice(piece);
        frames.pass(&mut raw, &mut out);
    }
    out.unsplit(raw);
    out.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn only_authorities_change_however_the_bytes_arrive() {
        // `:method: GET`, `:authority: http://a` uncompressed, `:path: /`.
        let fields = b"\x82\x41\x08http://a\x84";
        let repaired = b"\x82\x41\x01e\x84";
        let padded = [&[2, 0, 0, 0, 0, 9], &fields[..], &[0, 0]].concat();
        let padded_repaired = [&[2, 0, 0, 0, 0, 9], &repaired[..], &[0, 0]].concat();
        let data = frame(0, 1, &[7; 300]);
        let sent = [
            PREFACE,
            &frame(4, 0, &[]),
            &frame(HEADERS, 4, fields),
            &data,
            &frame(HEADERS, PADDED | PRIORITY | 4, &padded),
            &frame(HEADERS, PADDED, &[200, 1]),
            &frame(HEADERS, 4, b"\x82\xbe"),
        ];
        let wanted = [
            PREFACE,
            &frame(4, 0, &[]),
            &frame(HEADERS, 4, repaired),
            &data,
            &frame(HEADERS, PADDED | PRIORITY | 4, &padded_repaired),
            &frame(HEADERS, PADDED, &[200, 1]),
            &frame(HEADERS, 4, b"\x82\xbe"),
        ];
        for at_a_time in [1, 2, 9, 30, 1000] {
            assert_eq!(passed(&sent.concat(), at_a_time), wanted.concat());
        }
    }

    #[test]
    fn other_protocols_pass_as_they_are() {
        let request = b"PRINT / HTTP/1.1\r\nHost: a\r\n\r\n";
        for at_a_time in [1, 5, 100] {
            assert_eq!(passed(request, at_a_time), request);
        }
    }
}
