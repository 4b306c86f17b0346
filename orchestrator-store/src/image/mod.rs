//! Images: the whole state at one revision, as a stream of blocks.
//!
//! An image carries what a state machine is made of: the leases, the keys as they were at the
//! oldest readable revision, and every change since, so that reads of the past and watches go on
//! where the image is put to use. The changes name no values before: these are found again.
//! Besides, it carries some bytes for the engine that made it.
//!
//! A block is its length, a checksum that covers its number too, and some records. The last
//! record counts the others, so that an image without its end is known as such. [`export`] reads
//! a fork and thus stops nobody; [`Importer`] takes bytes cut anywhere.

mod block;
mod error;
mod export;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod import;
mod record;
mod stream;
#[cfg(test)]
mod tests;

pub use error::ImageError;
pub use export::export;
pub use import::Importer;
pub use stream::stream;

#[cfg(feature = "durable")]
pub(crate) use block::{Blocks, whole};
#[cfg(feature = "durable")]
pub(crate) use import::Building;
