//! The scheduler trait.
