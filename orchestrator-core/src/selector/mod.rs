//! Selectors: which objects a list, a watch or a controller is about.
//!
//! [`LabelSelector`] compares labels, [`FieldSelector`] the few fields that a resource offers.
//! Both are parsed once and then matched against many objects: matching allocates nothing.
//! [`name`] holds the rules for label keys and values.

pub mod field;
pub mod label;
pub mod name;
mod syntax;

pub use field::{FieldRequirement, FieldSelector, FieldSelectorError};
pub use label::{LabelSelector, LabelSelectorError, Operator, Requirement};

/// The longest selector that is read; the URLs that carry selectors are shorter.
pub const MAX_BYTES: usize = 64 * 1024;
