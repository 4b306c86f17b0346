//! The proxy trait.
