//! The types of values.

use std::sync::Arc;

use super::Value;
use crate::types::{Opaque, Record, Type};

/// The type of a value, as far as the value itself tells.
pub(crate) fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Uint(_) => Type::Uint,
        Value::Double(_) => Type::Double,
        Value::String(_) => Type::STRING,
        Value::Bytes(_) => Type::BYTES,
        Value::Duration(_) => Type::Duration,
        Value::Timestamp(_) => Type::Timestamp,
        Value::List(_) => Type::list(Type::Dyn),
        Value::Map(_) => Type::map(Type::Dyn, Type::Dyn),
        Value::Struct(made) => Type::Object(Record::open(made.name)),
        Value::Record(_) => Type::Object(Record::open("object")),
        Value::Optional(_) => Type::optional(Type::Dyn),
        Value::Type(_) => Type::of(Type::Dyn),
        Value::Quantity(_) => Type::Opaque(Opaque::Quantity),
        Value::Ip(_) => Type::Opaque(Opaque::Ip),
        Value::Cidr(_) => Type::Opaque(Opaque::Cidr),
        Value::Url(_) => Type::Opaque(Opaque::Url),
        Value::Semver(_) => Type::Opaque(Opaque::Semver),
        Value::Format(_) => Type::Opaque(Opaque::Format),
        Value::Check(opaque, _) => Type::Opaque(*opaque),
        Value::Decision(_) => Type::Opaque(Opaque::Decision),
    }
}

/// The types that can be named in an expression.
pub(crate) fn named_type(name: &str) -> Option<Type> {
    Some(match name {
        "null_type" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::STRING,
        "bytes" => Type::BYTES,
        "list" => Type::list(Type::Dyn),
        "map" => Type::map(Type::Dyn, Type::Dyn),
        "type" => Type::Type(Arc::new(Type::Dyn)),
        "optional_type" => Type::optional(Type::Dyn),
        "dyn" => Type::Dyn,
        "google.protobuf.Timestamp" => Type::Timestamp,
        "google.protobuf.Duration" => Type::Duration,
        "net.IP" => Type::Opaque(Opaque::Ip),
        "net.CIDR" => Type::Opaque(Opaque::Cidr),
        "kubernetes.Quantity" => Type::Opaque(Opaque::Quantity),
        "kubernetes.URL" => Type::Opaque(Opaque::Url),
        "kubernetes.Semver" => Type::Opaque(Opaque::Semver),
        _ => return None,
    })
}
