//! A fuzz target: an image that is accepted exports to one that is accepted.

use bytes::Bytes;

use super::block::Blocks;
use super::import::Building;
use super::{Importer, export};
use crate::mvcc::Limits;
use crate::wire::Reader;

/// Takes `data` as an image.
///
/// # Panics
/// An accepted image makes a state that cannot be exported and read again.
pub fn fuzz_image(data: &[u8]) {
    let mut importer = Importer::new(Limits::default());
    if importer.push(Bytes::copy_from_slice(data)).is_ok()
        && let Ok((mvcc, meta)) = importer.finish()
    {
        let revision = mvcc.revision();
        let mut again = Importer::new(Limits::default());
        for block in export(mvcc, meta) {
            again.push(block).expect("what is exported is an image");
        }
        assert_eq!(again.finish().expect("it is complete").0.revision(), revision);
    }
}

/// Takes `data` as the records of one block, past the checksum that guards them.
pub fn fuzz_records(data: &[u8]) {
    let mut building = Building::new(Limits::default());
    if building.take(0, Reader::new(Bytes::copy_from_slice(data))).is_ok() {
        drop(building.finish());
    }
    let mut blocks = Blocks::default();
    blocks.push(Bytes::copy_from_slice(data));
    while let Ok(Some(_)) = blocks.next() {}
}
