//! The types of expressions.
//!
//! A [`Type`] says what a checker must know, and besides what a schema says: which fields objects
//! have, how lists compare, how long things may become. The latter does not take part in whether
//! types agree; values are read by it, and costs are estimated by it.

mod assign;
mod record;

pub(crate) use assign::{Bound, agree, assign, instantiate, join, same};
pub use record::{Field, Record};

use std::fmt;
use std::sync::Arc;

/// How large a list, a map or a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Max(pub u64);

impl Max {
    /// As large as it likes.
    pub const NONE: Max = Max(u64::MAX);
}

/// The type of an expression.
#[derive(Clone, Debug)]
pub enum Type {
    /// Anything; checked when it is evaluated.
    Dyn,
    /// `null`.
    Null,
    /// A truth value.
    Bool,
    /// A whole number.
    Int,
    /// A whole number that is not negative.
    Uint,
    /// A floating-point number.
    Double,
    /// A text of at most so many characters.
    String(Max),
    /// At most so many bytes.
    Bytes(Max),
    /// A length of time.
    Duration,
    /// A point in time.
    Timestamp,
    /// A list.
    List(Arc<ListType>),
    /// A map.
    Map(Arc<MapType>),
    /// An object with fields.
    Object(Arc<Record>),
    /// Something or nothing.
    Optional(Arc<Type>),
    /// A type.
    Type(Arc<Type>),
    /// Something that only functions look into.
    Opaque(Opaque),
}

/// A type whose values only functions look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opaque {
    /// An amount with a unit.
    Quantity,
    /// An IP address.
    Ip,
    /// A range of IP addresses.
    Cidr,
    /// A URL.
    Url,
    /// A semantic version.
    Semver,
    /// A named format of texts.
    Format,
    /// Who can be asked who may do what.
    Authorizer,
    /// A question about a path.
    PathCheck,
    /// A question about an API group.
    GroupCheck,
    /// A question about a resource.
    ResourceCheck,
    /// The answer.
    Decision,
}

impl Opaque {
    /// The name by which errors speak of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quantity => "kubernetes.Quantity",
            Self::Ip => "net.IP",
            Self::Cidr => "net.CIDR",
            Self::Url => "kubernetes.URL",
            Self::Semver => "kubernetes.Semver",
            Self::Format => "kubernetes.NamedFormat",
            Self::Authorizer => "kubernetes.authorization.Authorizer",
            Self::PathCheck => "kubernetes.authorization.PathCheck",
            Self::GroupCheck => "kubernetes.authorization.GroupCheck",
            Self::ResourceCheck => "kubernetes.authorization.ResourceCheck",
            Self::Decision => "kubernetes.authorization.Decision",
        }
    }
}

/// A list of items.
#[derive(Clone, Debug)]
pub struct ListType {
    /// The type of an item.
    pub item: Type,
    /// How many there may be.
    pub max: Max,
    /// How lists compare.
    pub kind: ListKind,
}

/// How lists compare and add up.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ListKind {
    /// Item by item.
    #[default]
    Atomic,
    /// The order does not count; adding keeps what is there.
    Set,
    /// Items are known by the fields of these names; adding replaces what is there.
    Map(Vec<String>),
}

/// A map.
#[derive(Clone, Debug)]
pub struct MapType {
    /// The type of a key.
    pub key: Type,
    /// The type of a value.
    pub value: Type,
    /// How many entries there may be.
    pub max: Max,
}

impl Type {
    /// A text of any length.
    pub const STRING: Type = Type::String(Max::NONE);
    /// Any number of bytes.
    pub const BYTES: Type = Type::Bytes(Max::NONE);

    /// A list of any length.
    pub fn list(item: Type) -> Type {
        Type::List(Arc::new(ListType { item, max: Max::NONE, kind: ListKind::Atomic }))
    }

    /// A map of any size.
    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Arc::new(MapType { key, value, max: Max::NONE }))
    }

    /// Something or nothing.
    pub fn optional(content: Type) -> Type {
        Type::Optional(Arc::new(content))
    }

    /// The type of the value that stands for this type.
    pub fn of(ty: Type) -> Type {
        Type::Type(Arc::new(ty))
    }

    /// Whether nothing is known about values.
    pub fn is_dyn(&self) -> bool {
        matches!(self, Self::Dyn)
    }

    /// The name without what is in it, as `type(x)` shows it.
    pub fn name(&self) -> &str {
        match self {
            Self::Dyn => "dyn",
            Self::Null => "null_type",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration => "google.protobuf.Duration",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Object(record) => &record.name,
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Opaque(opaque) => opaque.name(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::List(list) => write!(f, "list({})", list.item),
            Self::Map(map) => write!(f, "map({}, {})", map.key, map.value),
            Self::Optional(content) => write!(f, "optional_type({content})"),
            Self::Type(ty) => write!(f, "type({ty})"),
            other => f.write_str(other.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_errors_spell_them() {
        let rows = [
            (Type::list(Type::STRING), "list(string)"),
            (Type::map(Type::STRING, Type::Dyn), "map(string, dyn)"),
            (Type::optional(Type::Int), "optional_type(int)"),
            (Type::of(Type::Null), "type(null)"),
            (Type::Opaque(Opaque::Quantity), "kubernetes.Quantity"),
        ];
        for (ty, text) in rows {
            assert_eq!(ty.to_string(), text);
        }
    }
}
