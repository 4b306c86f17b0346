//! Values as text: JSON without white space, keys in their order.
//!
//! Every write ends here, so it does nothing but walk and copy; what it writes is what
//! `serde_json` would write.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::Value;
use crate::{Error, Map};

/// Appends the text of a value, of a map, or of a string with its quotes.
pub mod append {
    use std::io::Write as _;

    use super::{Map, Value};
    use crate::Number;

    /// Appends the text of `value`. Trees are no deeper than what decoding lets in.
    pub fn value(value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Number(number) => self::number(number, out),
            Value::String(text) => string(text, out),
            Value::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self::value(item, out);
                }
                out.push(b']');
            }
            Value::Object(map) => self::map(map, out),
        }
    }

    /// Appends the text of `map`.
    pub fn map(map: &Map, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (key, value)) in map.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            string(key, out);
            out.push(b':');
            self::value(value, out);
        }
        out.push(b'}');
    }

    /// Appends the text of `number`; most are small.
    fn number(number: &Number, out: &mut Vec<u8>) {
        match number.as_u64() {
            Some(small @ 0..10) => out.push(b'0' + small as u8),
            Some(mut left) => {
                let mut digits = [0; 20];
                let mut first = digits.len();
                while left > 0 {
                    first -= 1;
                    digits[first] = b'0' + (left % 10) as u8;
                    left /= 10;
                }
                out.extend_from_slice(&digits[first..]);
            }
            None => write!(out, "{number}").expect("memory takes all"),
        }
    }

    /// Appends `text` between quotes, with the escapes that it needs.
    pub fn string(text: &str, out: &mut Vec<u8>) {
        // All bytes are looked at, even behind the first that needs an escape: so the compiler
        // looks at many of them at once.
        let escapes =
            |found, byte: &u8| found | (*byte < b' ') | (*byte == b'"') | (*byte == b'\\');
        if text.as_bytes().iter().fold(false, escapes) {
            return serde_json::to_writer(out, text).expect("memory takes all");
        }
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.write_str(&serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?);
        }
        let mut text = Vec::new();
        append::value(self, &mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Value {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(map) => map.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{Value, json};

    fn any_tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a\"\\\\\n\u{1}é]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a\"]{0,2}", inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_text_is_the_one_that_serde_json_writes(tree in any_tree()) {
            prop_assert_eq!(tree.to_string(), serde_json::to_string(&tree).unwrap());
            let foreign = serde_json::Value::from(tree.clone());
            prop_assert_eq!(tree.to_string(), foreign.to_string());
            prop_assert_eq!(format!("{tree:#}"), format!("{foreign:#}"));
        }
    }
}
