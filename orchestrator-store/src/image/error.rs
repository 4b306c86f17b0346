//! Why some bytes are no image.

use crate::wire::WireError;

/// Why an image cannot be used; nothing of it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A block's checksum is wrong, or blocks are out of order.
    #[error("block {block} of the image is damaged")]
    Damaged {
        /// The number of the block, from 0.
        block: u64,
    },
    /// A block is longer than any that is made.
    #[error("block {block} of the image is too large")]
    TooLarge {
        /// The number of the block, from 0.
        block: u64,
    },
    /// A record is unreadable.
    #[error("block {block} of the image is unreadable")]
    Record {
        /// The number of the block, from 0.
        block: u64,
        /// What is wrong in it.
        #[source]
        source: WireError,
    },
    /// The records do not make a state.
    #[error("block {block} of the image contradicts what is before it")]
    Contradiction {
        /// The number of the block, from 0.
        block: u64,
    },
    /// The image ends before its end.
    #[error("the image is incomplete")]
    Incomplete,
}
