//! The file that a client saves a snapshot as: an image, its length, and etcd's checksum.
//!
//! The image is the engine's own (see [`Operator::image`](crate::Operator::image)), not etcd's
//! database: `etcdutl` cannot restore it, `orchestrator store restore` does. What surrounds it is
//! what `etcdctl snapshot save` checks: the length is a multiple of 512, then follow the 32 bytes
//! of a SHA-256 of all before.
//!
//! ```text
//! image ‖ zeros ‖ length of the image (8 bytes, big endian) ‖ SHA-256
//! └────────── a multiple of 512 bytes ───────────┘
//! ```

use std::io::{self, Read, Seek, SeekFrom};

use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};

/// What the length without the checksum is a multiple of.
const BLOCK: u64 = 512;

/// The bytes of the length of the image.
const LENGTH_BYTES: u64 = 8;

/// The bytes of the checksum.
const SUM_BYTES: u64 = 32;

/// Makes the file of an image, piece by piece.
#[derive(Debug, Default)]
pub struct Wrapper {
    sum: Sha256,
    length: u64,
}

impl Wrapper {
    /// Notes a piece of the image.
    pub fn note(&mut self, piece: &[u8]) {
        self.sum.update(piece);
        self.length += piece.len() as u64;
    }

    /// What follows the last piece, without the checksum; then the checksum.
    pub fn finish(mut self) -> (Bytes, Bytes) {
        let filled = (self.length + LENGTH_BYTES).next_multiple_of(BLOCK);
        let zeros = filled - LENGTH_BYTES - self.length;
        let mut tail = BytesMut::new();
        tail.put_bytes(0, usize::try_from(zeros).expect("less than a block"));
        tail.put_u64(self.length);
        self.sum.update(&tail);
        (tail.freeze(), Bytes::copy_from_slice(&self.sum.finalize()))
    }
}

/// Checks a saved snapshot and returns its image, to be read from the start.
///
/// # Errors
/// [`InvalidData`](io::ErrorKind::InvalidData): the file is cut off, changed, or no snapshot of
/// this face; others as reading does.
pub fn open<F: Read + Seek>(mut file: F) -> io::Result<io::Take<F>> {
    let total = file.seek(SeekFrom::End(0))?;
    let Some(summed) = total.checked_sub(SUM_BYTES).filter(|n| *n > 0 && n % BLOCK == 0) else {
        return Err(invalid("the file has not the length of a snapshot"));
    };
    file.seek(SeekFrom::Start(0))?;
    let mut sum = Sha256::new();
    // The hash takes whatever it is given; a copy of the pieces is all that this costs.
    let read = io::copy(&mut file.by_ref().take(summed), &mut Hashing(&mut sum))?;
    let mut wanted = [0; SUM_BYTES as usize];
    file.read_exact(&mut wanted)?;
    if read != summed || sum.finalize()[..] != wanted[..] {
        return Err(invalid("the checksum of the snapshot does not match"));
    }
    file.seek(SeekFrom::Start(summed - LENGTH_BYTES))?;
    let mut length = [0; LENGTH_BYTES as usize];
    file.read_exact(&mut length)?;
    let length = u64::from_be_bytes(length);
    if length > summed - LENGTH_BYTES || summed - LENGTH_BYTES - length >= BLOCK {
        return Err(invalid("the snapshot is of another program"));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(file.take(length))
}

/// Feeds what is written to a hash.
struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn file(image: &[u8]) -> Vec<u8> {
        let mut wrapper = Wrapper::default();
        image.chunks(100).for_each(|piece| wrapper.note(piece));
        let (tail, sum) = wrapper.finish();
        [image, &tail, &sum].concat()
    }

    #[test]
    fn an_image_of_any_length_comes_back_and_any_changed_byte_is_seen() {
        for length in [0, 1, 503, 504, 505, 512, 1016, 5000] {
            let image: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let saved = file(&image);
            assert_eq!(saved.len() % 512, 32);
            let mut read = Vec::new();
            open(Cursor::new(&saved)).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, image);
            for place in [0, saved.len() / 2, saved.len() - 33, saved.len() - 1] {
                let mut changed = saved.clone();
                changed[place] ^= 1;
                assert!(open(Cursor::new(&changed)).is_err());
            }
            assert!(open(Cursor::new(&saved[..saved.len() - 1])).is_err());
        }
    }

    #[test]
    fn a_file_of_another_program_is_told_apart_even_with_a_true_checksum() {
        let foreign = [0xff; 1024];
        let sum = Sha256::digest(foreign);
        assert!(open(Cursor::new([&foreign[..], &sum].concat())).is_err());
        assert!(open(Cursor::new([0; 7])).is_err());
    }
}
