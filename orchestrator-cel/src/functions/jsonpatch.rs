//! Paths of JSON patches.

use super::{Cost, Function, Sig, function, global};
use crate::EvalError;
use crate::value::Value;

pub(super) static TABLE: &[Function] = &[function(
    "jsonpatch.escapeKey",
    Cost::Traverse,
    &[global(&[Sig::String], Sig::String)],
    |_, args| {
        let text = args[0].as_str().ok_or_else(EvalError::overload)?;
        Ok(Value::text(text.replace('~', "~0").replace('/', "~1")))
    },
)];
