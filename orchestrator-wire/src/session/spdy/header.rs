//! Header blocks: name and value pairs, compressed with a dictionary that both sides know.

use std::sync::LazyLock;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::ProtocolError;

/// The largest header block after decompression; real ones have some 100 bytes.
const MAX_BLOCK_BYTES: usize = 16 * 1024;

/// The names and values that the dictionary of SPDY/3 begins with, each behind its length.
const ENTRIES: &str = "options head post put delete trace accept accept-charset accept-encoding \
    accept-language accept-ranges age allow authorization cache-control connection content-base \
    content-encoding content-language content-length content-location content-md5 content-range \
    content-type date etag expect expires from host if-match if-modified-since if-none-match \
    if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate \
    proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade \
    user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url \
    public set-cookie keep-alive origin";

/// The text that the dictionary ends with.
const TEXT: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416\
    417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad \
    Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not \
    Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 \
    Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,\
    application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,\
    deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

fn dictionary() -> &'static [u8] {
    static DICTIONARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bytes = Vec::new();
        for entry in ENTRIES.split_ascii_whitespace() {
            let entry = entry.replace('_', " ");
            bytes.extend_from_slice(&(entry.len() as u32).to_be_bytes());
            bytes.extend_from_slice(entry.as_bytes());
        }
        bytes.extend_from_slice(TEXT.as_bytes());
        bytes
    });
    &DICTIONARY
}

/// Name and value pairs.
pub(super) type Headers = Vec<(String, String)>;

/// Reads the header blocks of one direction, which share their compression.
pub(super) struct Decoder(Decompress);

impl Default for Decoder {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Decoder {
    pub(super) fn decode(&mut self, block: &[u8]) -> Result<Headers, ProtocolError> {
        let plain = self.inflate(block)?;
        parse(&plain).ok_or(ProtocolError("a header block is cut short"))
    }

    fn inflate(&mut self, mut block: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let mut plain = Vec::with_capacity(1024);
        loop {
            let (taken, made) = (self.0.total_in(), plain.len());
            let result = self.0.decompress_vec(block, &mut plain, FlushDecompress::Sync);
            block = &block[(self.0.total_in() - taken) as usize..];
            match result {
                Err(error) if error.needs_dictionary().is_some() => {
                    let set = self.0.set_dictionary(dictionary());
                    set.map_err(|_| ProtocolError("headers use another dictionary"))?;
                }
                Err(_) => return Err(ProtocolError("headers are badly compressed")),
                Ok(Status::StreamEnd) => return Ok(plain),
                Ok(_) if plain.len() == plain.capacity() => {
                    if plain.len() >= MAX_BLOCK_BYTES {
                        return Err(ProtocolError("a header block is too large"));
                    }
                    plain.reserve(1024);
                }
                Ok(_) if block.is_empty() => return Ok(plain),
                Ok(_) if plain.len() == made => {
                    return Err(ProtocolError("headers are badly compressed"));
                }
                Ok(_) => {}
            }
        }
    }
}

fn parse(mut block: &[u8]) -> Option<Headers> {
    let count = number(&mut block)?;
    let mut headers = Vec::new();
    for _ in 0..count {
        let name = word(&mut block)?;
        headers.push((name, word(&mut block)?));
    }
    Some(headers)
}

fn number(block: &mut &[u8]) -> Option<usize> {
    let (bytes, rest) = block.split_first_chunk::<4>()?;
    *block = rest;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
}

fn word(block: &mut &[u8]) -> Option<String> {
    let len = number(block)?;
    let (bytes, rest) = block.split_at_checked(len)?;
    *block = rest;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// Writes the header blocks of one direction.
pub(super) struct Encoder(Compress);

impl Default for Encoder {
    fn default() -> Self {
        let mut compress = Compress::new(Compression::fast(), true);
        compress.set_dictionary(dictionary()).expect("a fresh stream takes a dictionary");
        Self(compress)
    }
}

impl Encoder {
    /// The block of `headers`: whole in itself, so that the peer can read it at once.
    pub(super) fn encode(&mut self, headers: &Headers) -> Vec<u8> {
        let mut plain = Vec::new();
        let mut put = |len: usize| plain.extend_from_slice(&(len as u32).to_be_bytes());
        put(headers.len());
        for (name, value) in headers {
            for word in [name, value] {
                plain.extend_from_slice(&(word.len() as u32).to_be_bytes());
                plain.extend_from_slice(word.as_bytes());
            }
        }
        // Room for what does not compress at all, and for the marks of the flush.
        let mut block = Vec::with_capacity(plain.len() + plain.len() / 8 + 128);
        let done = self.0.compress_vec(&plain, &mut block, FlushCompress::Sync);
        done.expect("compressing memory into memory does not fail");
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_dictionary_is_the_one_of_the_protocol() {
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in dictionary() {
            a = (a + u32::from(*byte)) % 65521;
            b = (b + a) % 65521;
        }
        assert_eq!((dictionary().len(), b << 16 | a), (1423, 0xe3c6_a7c2));
    }

    #[test]
    fn blocks_of_one_direction_share_their_compression() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        for round in 0..3 {
            let headers = vec![
                ("streamtype".to_owned(), "data".to_owned()),
                ("port".into(), round.to_string()),
            ];
            let block = encoder.encode(&headers);
            assert_eq!(decoder.decode(&block).unwrap(), headers);
        }
        assert!(Decoder::default().decode(b"nonsense").is_err());
    }

    #[test]
    fn a_block_that_grows_too_large_is_refused() {
        let block = Encoder::default().encode(&vec![("a".into(), "x".repeat(1_000_000))]);
        assert!(Decoder::default().decode(&block).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Decoder::default().decode(&bytes);
            let _ = parse(&bytes);
        }
    }
}
