//! A fuzz target: a segment as a disk may give it back.

use bytes::Bytes;

use super::frame::{self, Place};
use super::header::{self, Header};
use super::scan::Scan;
use super::{Entry, record};
use crate::planted::Planted;

/// Reads `data` behind a good header and a good frame, as the last segment and as an older one;
/// then as a record.
///
/// # Panics
/// The good frame is not found.
pub fn fuzz_segment(data: &[u8]) {
    let header = Header { cluster: 1, sequence: 1, first: 1, ..Header::default() };
    let mut bytes = header.encode().to_vec();
    let place = Place { salt: header.salt, sequence: header.sequence, offset: header::SIZE };
    let entry = Entry { term: 1, index: 1, kind: 0, payload: Bytes::from_static(b"good") };
    frame::encode(&entry, &place, header.chain(), header::SIZE, &mut bytes);
    bytes.extend_from_slice(data);
    let bytes = Bytes::from(bytes);
    let scan = Scan { bytes: &bytes, header: &header, planted: Planted::NONE };
    let mut found = Vec::new();
    let _ = scan.last(&mut |entry| found.push(entry));
    assert_eq!(found.first(), Some(&entry));
    let _ = scan.whole(bytes.len() as u64, &mut |_| {});
    let _ = Header::decode(data);
    let _ = record::content(data);
}
