//! From and into the tree that other libraries have.

use serde_json::Value as Foreign;

use super::Value;

impl From<Foreign> for Value {
    fn from(value: Foreign) -> Self {
        match value {
            Foreign::Null => Self::Null,
            Foreign::Bool(flag) => Self::Bool(flag),
            Foreign::Number(number) => Self::Number(number),
            Foreign::String(text) => Self::String(text),
            Foreign::Array(items) => items.into_iter().collect(),
            Foreign::Object(map) => Self::from_iter(map),
        }
    }
}

impl From<Value> for Foreign {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::String(text),
            Value::Array(items) => items.into_iter().map(Self::from).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(key, value)| (String::from(key), Self::from(value))).collect()
            }
        }
    }
}
