//! Patches: the three kinds that change an object by describing the change.
//!
//! [`json`] is a list of operations (RFC 6902), [`merge`] a tree laid over the object
//! (RFC 7396), [`strategic`] the same with lists that merge item by item, as the schema says.
//! Server-side apply, the fourth kind, is in [`apply`](crate::apply).
//!
//! A patch works on plain JSON; whether the result is an object of its kind is decided by
//! decoding it.

pub mod json;
pub mod merge;
pub mod strategic;

use std::fmt;

use crate::Json;
use crate::status::Status;

/// Why a patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The body is no patch of its type.
    #[error("error decoding patch: {0}")]
    Decode(String),
    /// A JSON patch has too many operations.
    #[error("The allowed maximum operations in a JSON patch is {max}, got {0}", max = json::MAX_OPERATIONS)]
    TooManyOperations(usize),
    /// An operation of a JSON patch does not fit the object.
    #[error("{0}")]
    Rejected(String),
    /// A directive of a strategic merge patch is malformed.
    #[error("{0}")]
    Directive(&'static str),
    /// A list of a strategic merge patch cannot be merged.
    #[error("{0}")]
    Merge(String),
}

impl PatchError {
    /// The answer of the API to a patch that fails in this way.
    pub fn status(&self) -> Status {
        match self {
            Self::Decode(_) | Self::Directive(_) => {
                Status::new(400, "BadRequest", self.to_string())
            }
            Self::TooManyOperations(_) => {
                Status::new(413, "RequestEntityTooLarge", self.to_string())
            }
            // The API does not tell which operation failed.
            Self::Rejected(_) => Status::generic(
                422,
                "Invalid",
                "the server rejected our request due to an error in our request",
            ),
            Self::Merge(_) => Status::new(500, "", self.to_string()),
        }
    }
}

/// A tree as Go prints it, which is how some messages of the API show a patch.
#[derive(Clone, Copy, Debug)]
pub struct GoValue<'a>(pub &'a Json);

impl fmt::Display for GoValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Json::Null => f.write_str("<nil>"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "{value}"),
            Json::String(value) => f.write_str(value),
            Json::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    let space = if index == 0 { "" } else { " " };
                    write!(f, "{space}{}", GoValue(item))?;
                }
                f.write_str("]")
            }
            Json::Object(map) => {
                f.write_str("map[")?;
                for (index, (key, value)) in map.iter().enumerate() {
                    let space = if index == 0 { "" } else { " " };
                    write!(f, "{space}{key}:{}", GoValue(value))?;
                }
                f.write_str("]")
            }
        }
    }
}

/// The kind of a value in the words of Go's decoder.
fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trees_print_as_go_prints_them() {
        let tree = json!({"b": [1, "x", null], "a": {"c": true, "d": {}}});
        assert_eq!(GoValue(&tree).to_string(), "map[a:map[c:true d:map[]] b:[1 x <nil>]]");
    }

    #[test]
    fn each_error_has_its_status() {
        let code = |error: PatchError| error.status().code;
        assert_eq!(code(PatchError::Decode(String::new())), 400);
        assert_eq!(code(PatchError::Directive("")), 400);
        assert_eq!(code(PatchError::TooManyOperations(10_001)), 413);
        assert_eq!(code(PatchError::Rejected(String::new())), 422);
        assert_eq!(code(PatchError::Merge(String::new())), 500);
    }
}
