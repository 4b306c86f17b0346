//! The runtime trait.
