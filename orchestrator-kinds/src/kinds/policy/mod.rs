//! The group `policy`: how many pods may be away at once.

pub mod poddisruptionbudget;
