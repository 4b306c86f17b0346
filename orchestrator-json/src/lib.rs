//! Trees of JSON: [`Value`], [`Map`] and [`json!`], as `serde_json` has them, laid out for objects
//! of Kubernetes.
//!
//! Every write to the API decodes, fills, checks and encodes a tree, so what a tree costs is what
//! the API costs. Objects are many small maps with short keys. Here a [`Key`] of up to 23 bytes is
//! stored in place, a [`Map`] is a sorted list of entries side by side, and looking up a field
//! compares numbers. A pod takes half the memory and half the allocations that it takes with a
//! tree node per map and a heap text per key, as `serde_json` has them; a copy, a comparison and
//! the way to text take half the instructions.
//!
//! Reading and writing text, numbers and errors are `serde_json`'s own, and are passed on here
//! under their names: the workspace depends on this crate *as* `serde_json`, so that there is one
//! type of tree in it. [`Value`] converts from and into the foreign tree (`From`), for the few
//! places where another library wants that.

mod key;
mod macros;
pub mod map;
mod value;
mod write;

pub use key::Key;
#[doc(hidden)]
pub use macros::no_items;
pub use map::Map;
pub use serde_json::{
    Deserializer, Error, Number, Result, Serializer, error, from_reader, from_slice, from_str, ser,
    to_string, to_string_pretty, to_vec, to_vec_pretty, to_writer, to_writer_pretty,
};
pub use value::{Index, Value, append};
pub use write::to_value;

/// The tree of the `serde_json` crate, which other libraries want.
pub mod foreign {
    pub use serde_json::{Map, Value};
}

/// The typed form of a tree.
///
/// # Errors
/// The tree does not have the type's shape.
pub fn from_value<T: serde::de::DeserializeOwned>(value: Value) -> Result<T> {
    T::deserialize(&value)
}
