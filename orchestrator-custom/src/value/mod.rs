//! What is done to the trees of objects.

mod embedded;
mod fields;
mod fill;
mod prune;
mod settled;
#[cfg(test)]
mod tests;

pub use embedded::MetadataCheck;
pub(crate) use embedded::check as check_embedded;
pub(crate) use fields::Fields;
