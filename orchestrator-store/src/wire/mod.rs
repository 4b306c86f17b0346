//! The binary form of commands and answers: what the log keeps and what members send each other.
//!
//! Numbers are varints (7 bits a byte, the low ones first), strings carry their length, lists
//! their number, choices a tag byte; the time of a command has a fixed place, so that it can be
//! told last. Each message begins with `VERSION` and must be used up to
//! its last byte. Equal messages have equal bytes. Encoding a command makes the bytes of its
//! values, so that whoever applies it afterwards counts the sizes that a replay will count.
//!
//! Decoders take bytes from anywhere: they bound what they reserve and how deep they go, never
//! panic, and tell at which offset they gave up. A large value shares the buffer that it came in;
//! a small one is copied, lest it keep a large buffer alive.

mod answer;
mod command;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod kv;
mod reader;
#[cfg(test)]
mod tests;
mod txn;
mod writer;

pub use answer::{decode_answer, encode_answer};
pub use command::{command_bytes, decode_command, encode_command};

#[cfg(feature = "durable")]
pub(crate) use command::command_buffer;
#[cfg(any(test, feature = "durable"))]
pub(crate) use command::{decode_command_apart, restamp};
pub(crate) use reader::Reader;
pub(crate) use writer::Writer;

/// The version of the messages, their first byte.
const VERSION: u8 = 1;

/// The most bytes of a message: a transaction of the longest values that still fits a segment of
/// the log.
pub const MAX_MESSAGE_BYTES: usize = 48 << 20;

/// Why some bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of a message: {problem}")]
pub struct WireError {
    /// Where decoding stopped.
    pub offset: usize,
    /// What is wrong there.
    pub problem: WireProblem,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireProblem {
    /// The message ends within an item.
    #[error("it ends too early")]
    Short,
    /// The message goes on after its last item.
    #[error("it goes on after its end")]
    Long,
    /// A newer program wrote it, or it is no message at all.
    #[error("unknown version")]
    Version,
    /// A tag that means nothing.
    #[error("unknown tag")]
    Tag,
    /// A number that does not fit its type, or has needless bytes.
    #[error("number out of range")]
    Number,
    /// Transactions within transactions beyond the limit.
    #[error("nested too deeply")]
    Depth,
    /// The message is longer than [`MAX_MESSAGE_BYTES`].
    #[error("too large")]
    TooLarge,
}
