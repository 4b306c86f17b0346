//! Compression of long answers.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// Shorter answers are sent as they are: a packet saved is not worth the time.
pub(crate) const MIN_BYTES: usize = 128 * 1024;

/// Whether an `Accept-Encoding` header takes gzip.
pub(crate) fn accepted(header: &str) -> bool {
    header.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && !parts.any(|param| matches!(param, "q=0" | "q=0.0"))
    })
}

/// Compresses bytes at once.
pub(crate) fn bytes(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail").into()
}

/// Compresses chunks as they come.
pub(crate) fn stream(chunks: BoxStream<'static, Bytes>) -> BoxStream<'static, Bytes> {
    let encoder = Some(GzEncoder::new(Vec::new(), Compression::fast()));
    let compressed = stream::unfold((chunks, encoder), |(mut chunks, mut encoder)| async move {
        loop {
            let mut open = encoder.take()?;
            let Some(chunk) = chunks.next().await else {
                let rest = open.finish().expect("writing to memory does not fail");
                return Some((Bytes::from(rest), (chunks, None)));
            };
            open.write_all(&chunk).expect("writing to memory does not fail");
            let done = std::mem::take(open.get_mut());
            encoder = Some(open);
            if !done.is_empty() {
                return Some((Bytes::from(done), (chunks, encoder)));
            }
        }
    });
    Box::pin(compressed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn unzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn bytes_and_streams_come_out_as_they_went_in() {
        let data: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        assert_eq!(unzip(&bytes(&data)), data);
        let chunks: Vec<_> = data.chunks(1000).map(Bytes::copy_from_slice).collect();
        let out: Vec<Bytes> =
            futures::executor::block_on(stream(Box::pin(stream::iter(chunks))).collect());
        assert_eq!(unzip(&out.concat()), data);
    }

    #[test]
    fn a_coding_of_weight_zero_is_refused() {
        assert!(accepted("deflate, gzip;q=0.5") && accepted("gzip"));
        assert!(!accepted("gzip;q=0") && !accepted("identity") && !accepted(""));
    }
}
