//! The header of a segment: whose it is, and which place of which segment it continues.

/// What every segment begins with.
const MAGIC: [u8; 8] = *b"orchwal\x01";

/// The bytes of a header.
pub(super) const SIZE: u64 = 64;

/// A segment's header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) cluster: u64,
    pub(super) salt: u64,
    pub(super) sequence: u64,
    /// The segment that this one continues, 0 for none.
    pub(super) before: u64,
    /// Where that one ends.
    pub(super) before_end: u64,
    /// The checksum of its last frame, or of its header.
    pub(super) before_chain: u32,
    /// The index of the first entry.
    pub(super) first: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; SIZE as usize] {
        let mut bytes = [0; SIZE as usize];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&MAGIC);
        for number in [self.cluster, self.salt, self.sequence, self.before, self.first] {
            put(&number.to_le_bytes());
        }
        let before_end = u32::try_from(self.before_end).expect("a segment is below 4 GiB");
        put(&before_end.to_le_bytes());
        put(&self.before_chain.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..CHECKED]);
        bytes[CHECKED..CHECKED + 4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SIZE as usize] = bytes.get(..SIZE as usize)?.try_into().ok()?;
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        if bytes[..8] != MAGIC || short(CHECKED) != crc32c::crc32c(&bytes[..CHECKED]) {
            return None;
        }
        Some(Self {
            cluster: long(8),
            salt: long(16),
            sequence: long(24),
            before: long(32),
            first: long(40),
            before_end: short(48).into(),
            before_chain: short(52),
        })
    }

    /// What the first frame names as the checksum before it.
    pub(super) fn chain(&self) -> u32 {
        crc32c::crc32c(&self.encode())
    }
}

/// The bytes that the checksum covers.
const CHECKED: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_decodes_to_itself_and_a_changed_one_to_nothing() {
        let header = Header {
            cluster: 1,
            salt: 2,
            sequence: 3,
            before: 4,
            before_end: 5,
            before_chain: 6,
            first: u64::MAX,
        };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Some(header));
        assert_eq!(Header::decode(&bytes[..60]), None);
        for at in 0..CHECKED + 4 {
            let mut bytes = bytes;
            bytes[at] ^= 0x10;
            assert_eq!(Header::decode(&bytes), None, "byte {at}");
        }
    }
}
