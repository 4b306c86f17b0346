//! Fuzz targets: what is decoded encodes to the bytes it came from.

use bytes::{Bytes, BytesMut};

use super::{decode_answer, decode_command, encode_answer, encode_command};

/// Decodes `data` as a command.
///
/// # Panics
/// The decoder accepts a second form of a command.
pub fn fuzz_command(data: &[u8]) {
    if let Ok((command, at)) = decode_command(Bytes::copy_from_slice(data)) {
        let mut again = BytesMut::new();
        encode_command(&command, at, &mut again);
        assert_eq!(again, data, "one form per command");
    }
}

/// Decodes `data` as an answer.
///
/// # Panics
/// What is decoded does not decode again to the same.
pub fn fuzz_answer(data: &[u8]) {
    if let Ok(answer) = decode_answer(Bytes::copy_from_slice(data)) {
        let mut again = BytesMut::new();
        encode_answer(&answer, &mut again);
        let twice = decode_answer(again.freeze()).expect("what was encoded decodes");
        assert_eq!(format!("{twice:?}"), format!("{answer:?}"));
    }
}
