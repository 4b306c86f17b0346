//! The crate through its public face: recorded transcripts, and fixtures of every
//! kind.

mod decoding;
mod fixtures;
mod shared;
mod transcripts;
